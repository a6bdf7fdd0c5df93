// SPDX-License-Identifier: BSL-1.0
//
// leakdir watch: the report of a running process, again and again, with what grew since the first look. On a terminal
// it is redrawn in place; elsewhere each look is a block of text, or a line of JSON.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

#include "analyse/growth.hh"
#include "base/error.hh"
#include "base/output.hh"
#include "base/terminal.hh"
#include "base/words.hh"
#include "command.hh"
#include "common_options.hh"
#include "emit/emit.hh"
#include "leave_out.hh"
#include "live_terminal.hh"
#include "load/load.hh"
#include "symbols/remembered_symbols.hh"

namespace leakdir::tool {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPlainStacks = 10;
constexpr std::size_t kLiveFrames = 3;  // of each stack: so that several stacks fit

// One look at the process.
struct Look {
  Snapshot snapshot;
  Grouped grouped;
  FrameLines lines;
  Growth growth;
  std::vector<std::string> warnings;
  std::vector<SuppressionUse> suppressions;
  Wrappers wrappers;
};

bool can_be_drawn_on(int descriptor) {
  const char* terminal = std::getenv("TERM");
  return isatty(descriptor) && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

class WatchCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory(app, directory_);
    add_seconds(app, "--interval", interval_, 0.05, 86400, "Look again after this time", true);
    add_count(app, "--count", count_, "Look this many times (until the process ends)");
    add_top(app, top_, "what fits on the terminal; 10 where there is none");
    add_min_age(app, min_age_);
    add_sort(app, sort_, {"bytes", "blocks", "age", "growth"});
    add_lost(app, kinds_);
    add_kinds(app, kinds_);
    add_libc(app, lists_libc_);
    add_alloc_fn(app, alloc_fns_);
    add_format(app, format_, {"text", "json"});
    add_color(app, color_);
    add_suppression_options(app, suppression_options_);
    add_symbol_options(app, symbol_options_);
    add_footer(app,
               "Growth is since the first look. json is one line for each look. q or Ctrl-C ends it, and so does the "
               "end of the process.\n"
               "Exit status: 0 done; 1 could not; 2 usage.");
  }

  int run() override {
    Look look = look_at_it();
    pid_ = look.snapshot.pid;
    start_ns_ = look.snapshot.start_ns;
    wrappers_ = Wrappers(alloc_fns_);
    symbols_ = std::make_unique<RememberedSymbols>(make_dwfl_symbols(symbol_options_, look.snapshot));
    name_frames(look);
    std::string last;
    if (has_ended(look))
      last = plain_text(look);
    else if (!is_json() && can_be_drawn_on(STDOUT_FILENO))
      last = watch_live(look);
    else
      last = watch_plainly(look);
    if (has_ended(look) && !is_json()) last += fmt::format("{}\n", how_it_ended(look));
    print(last);
    return 0;
  }

 private:
  Look look_at_it() {
    Look look;
    look.snapshot = load(directory_);
    find_kinds_of(look.snapshot);
    GroupOptions options;
    options.lists_libc = lists_libc_ || look.snapshot.lists_libc;
    options.min_age_ns = static_cast<std::int64_t>(min_age_ * 1e9);
    const std::map<std::string, Sort> by = {{"blocks", Sort::kBlocks}, {"age", Sort::kAge}};
    if (by.count(sort_) != 0) options.sort = by.at(sort_);
    look.grouped = group(look.snapshot, options);
    return look;
  }

  // What cannot be known at the first look is an error; later, a warning in what is shown.
  void find_kinds_of(Snapshot& snapshot) const {
    try {
      find_kinds(kinds_, snapshot);
    } catch (const Error& error) {
      if (pid_ == 0) throw;
      snapshot.warnings.emplace_back(error.what());
    }
  }

  // Measures before it names: what is suppressed is left out of both.
  void name_frames(Look& look) {
    look.warnings = look.snapshot.warnings;
    auto rules = read_suppressions(suppression_options_, look.snapshot, look.warnings);
    if (goes_by_names(suppression_options_, rules))
      look.lines =
          symbolise(look.snapshot, shown_stacks(look.snapshot, look.grouped, look.grouped.groups.size()), *symbols_);
    look.suppressions = leave_out(suppression_options_, std::move(rules), look.snapshot, look.lines, look.grouped);
    keep_kinds(look.grouped, kinds_to_list(kinds_, kAllKinds));
    look.growth = meter_.measure(look.snapshot, look.grouped);
    if (sort_ == "growth") sort_by_growth(look.grouped, look.growth);
    if (look.lines.empty())
      look.lines = symbolise(look.snapshot, shown_stacks(look.snapshot, look.grouped, most_shown(look)), *symbols_);
    look.wrappers = wrappers_;
    look.wrappers.learn(look.snapshot, look.grouped, look.lines);
    for (auto& warning : symbols_->warnings()) look.warnings.push_back(std::move(warning));
  }

  std::size_t most_shown(const Look& look) const {
    const std::size_t room = top_ != 0 ? top_ : std::max<std::size_t>(terminal_size(STDOUT_FILENO).lines, kPlainStacks);
    return std::min(room, look.grouped.groups.size());
  }

  bool has_ended(const Look& look) const {
    return look.snapshot.state != State::kRunning || look.snapshot.pid != pid_ || look.snapshot.start_ns != start_ns_;
  }

  std::string how_it_ended(const Look& look) const {
    if (look.snapshot.pid != pid_ || look.snapshot.start_ns != start_ns_)
      return fmt::format("process {} has ended, and process {} has its directory now", pid_, look.snapshot.pid);
    if (!look.snapshot.went_on_as.empty())
      return fmt::format("process {} went on as {}", pid_, printable(look.snapshot.went_on_as));
    return fmt::format("process {} {}", pid_,
                       look.snapshot.state == State::kExited ? "has exited" : "did not leave through exit");
  }

  bool is_json() const { return format_ == "json"; }

  Report report_of(const Look& look, std::size_t shown) const {
    Report report{look.snapshot, look.grouped,  look.lines,       std::min(shown, most_shown(look)),
                  min_age_ > 0,  look.warnings, look.suppressions};
    report.growth = &look.growth;
    report.wrappers = look.wrappers;
    return report;
  }

  std::string text_of(const Look& look, std::size_t shown, const TextStyle& style) const {
    std::string text;
    emit_text(report_of(look, shown), style, [&](std::string_view piece) { text += piece; });
    return text;
  }

  std::string json_line(const Look& look, std::size_t shown) const {
    std::string line;
    emit_look(report_of(look, shown), has_ended(look) ? how_it_ended(look) : "",
              [&](std::string_view piece) { line += piece; });
    return line;
  }

  std::string plain_text(const Look& look) const {
    const std::size_t stacks = top_ != 0 ? top_ : kPlainStacks;
    if (is_json()) return json_line(look, stacks);
    return fmt::format("at {}\n", utc_of(look.snapshot.end_ns)) +
           text_of(look, stacks, {wants_colour(color_, ""), columns_for("")});
  }

  // As many stacks as fit into the terminal's height.
  std::string live_text(const Look& look) const {
    const TerminalSize size = terminal_size(STDOUT_FILENO);
    const TextStyle style{wants_colour(color_, ""), size.columns, kLiveFrames};
    for (std::size_t shown = most_shown(look);; --shown) {
      std::string text = text_of(look, shown, style);
      // One line is for what the keys do.
      if (shown <= 1 || std::count(text.begin(), text.end(), '\n') < static_cast<std::ptrdiff_t>(size.lines))
        return text;
    }
  }

  void look_again(Look& look) {
    look = look_at_it();
    name_frames(look);
  }

  Clock::time_point next_time() const {
    return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(interval_));
  }

  bool was_last(std::uint64_t looks, const Look& look) const {
    return has_ended(look) || (count_ != 0 && looks == count_);
  }

  std::string watch_live(Look& look) {
    LiveTerminal terminal;
    for (std::uint64_t looks = 1;; ++looks) {
      const auto next = next_time();
      auto event = LiveTerminal::Event::kResize;
      while (event == LiveTerminal::Event::kResize) {
        terminal.draw(live_text(look) + fmt::format("every {} s; q quits", interval_));
        if (was_last(looks, look)) return live_text(look);
        event = terminal.wait_until(next);
      }
      if (event == LiveTerminal::Event::kQuit) return live_text(look);
      look_again(look);
    }
  }

  std::string watch_plainly(Look& look) {
    for (std::uint64_t looks = 1;; ++looks) {
      const auto next = next_time();
      if (was_last(looks, look)) return plain_text(look);
      print(plain_text(look) + (is_json() ? "" : "\n"));
      std::this_thread::sleep_until(next);
      look_again(look);
    }
  }

  static void print(const std::string& text) {
    Output output("");
    output.write(text);
    output.finish();
  }

  std::string directory_;
  double interval_ = 2, min_age_ = 0;
  std::uint64_t count_ = 0;
  std::size_t top_ = 0;
  std::string sort_ = "bytes", color_ = "auto", format_ = "text";
  bool lists_libc_ = false;
  KindOptions kinds_;
  std::vector<std::string> alloc_fns_;
  SuppressionOptions suppression_options_;
  SymbolOptions symbol_options_;

  std::uint32_t pid_ = 0;
  std::int64_t start_ns_ = 0;
  std::unique_ptr<Symbols> symbols_;
  GrowthMeter meter_;
  Wrappers wrappers_;
};

}  // namespace

std::unique_ptr<Command> make_watch() { return std::make_unique<WatchCommand>(); }

}  // namespace leakdir::tool
