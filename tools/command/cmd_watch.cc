// SPDX-License-Identifier: BSL-1.0
//
// leakdir watch: the report of a running process, again and again, with what grew since the first look. On a terminal
// it is redrawn in place, and keys choose what is shown; elsewhere each look is a block of text, or a line of JSON.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/output.hh"
#include "base/terminal.hh"
#include "base/words.hh"
#include "command.hh"
#include "common_options.hh"
#include "emit/emit.hh"
#include "live_terminal.hh"
#include "live_view.hh"
#include "watch_look.hh"

namespace leakdir::tool {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPlainStacks = 10;

class WatchCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory(app, options_.directory);
    add_flag(app, "--all", options_.is_of_all, "With all processes that have recorded in DIR/<pid>/, as one");
    add_seconds(app, "--interval", interval_, 0.05, 86400, "Look again after this time", true);
    add_count(app, "--count", count_, "Look this many times (until the process ends)");
    add_top(app, top_, "what fits on the terminal; 10 where there is none");
    add_min_age(app, options_.min_age);
    add_sort(app, arrangement_.sort, {"bytes", "blocks", "age", "growth"});
    add_lost(app, options_.kinds);
    add_kinds(app, options_.kinds);
    add_libc(app, options_.lists_libc);
    add_alloc_fn(app, options_.alloc_fns);
    add_format(app, format_, {"text", "json"});
    add_color(app, color_);
    add_suppression_options(app, options_.suppressions);
    add_symbol_options(app, options_.symbols);
    add_footer(app,
               "Growth is since the first look. json is one line for each look. On a terminal ? tells the keys: arrows "
               "scroll, Enter opens a stack, s sorts, g groups, r lets growth count from now. q or Ctrl-C ends it, and "
               "so does the end of the process; with --all, of the last one.\n"
               "Exit status: 0 done; 1 could not; 2 usage.");
  }

  int run() override {
    const bool is_live = !is_json() && LiveTerminal::is_there();
    if (!is_live) arrangement_.most_named = plain_stacks();
    Look look = looker_.look();
    looker_.arrange(look, arrangement_);
    std::string last;
    if (looker_.has_ended(look))
      last = plain_text(look);
    else if (is_live)
      last = watch_live(look);
    else
      last = watch_plainly(look);
    if (looker_.has_ended(look) && !is_json()) last += fmt::format("{}\n", looker_.how_it_ended(look));
    print(last);
    return 0;
  }

 private:
  bool is_json() const { return format_ == "json"; }
  std::size_t plain_stacks() const { return top_ != 0 ? top_ : kPlainStacks; }

  Report report_of_first(const Look& look, std::size_t stacks) const {
    return report_of(look, 0, stacks, options_.min_age > 0);
  }

  std::string plain_text(const Look& look) const {
    std::string text;
    const Sink sink = [&](std::string_view piece) { text += piece; };
    const Report report = report_of_first(look, plain_stacks());
    if (is_json()) {
      emit_look(report, looker_.has_ended(look) ? looker_.how_it_ended(look) : "", sink);
      return text;
    }
    text = fmt::format("at {}\n", utc_of(look.snapshot.end_ns));
    emit_text(report, {wants_colour(color_, ""), columns_for("")}, sink);
    return text;
  }

  Clock::time_point next_time() const {
    return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(interval_));
  }

  bool was_last(std::uint64_t looks, const Look& look) const {
    return looker_.has_ended(look) || (count_ != 0 && looks == count_);
  }

  // What was to be seen at the end.
  std::string watch_live(Look& look) {
    LiveView view(arrangement_, options_.min_age > 0, top_,
                  [&](const Look& at, std::size_t stack) { return looker_.identity_of(at, stack); });
    LiveTerminal terminal;
    for (std::uint64_t looks = 1;; ++looks) {
      const auto next = next_time();
      for (bool is_time = false; !is_time;) {
        terminal.draw(text_of(view, look));
        if (was_last(looks, look)) return without_keys(text_of(view, look));
        const auto event = terminal.wait_until(next);
        is_time = event == LiveTerminal::Event::kTime;
        if (event != LiveTerminal::Event::kKey) continue;
        if (terminal.key() == Key::kQuit) return without_keys(text_of(view, look));
        press(terminal.key(), view, look);
      }
      look = looker_.look();
      looker_.arrange(look, view.arrangement());
      view.take(look);
    }
  }

  void press(Key key, LiveView& view, Look& look) {
    const LiveView::Need need = view.press(key, look);
    if (need == LiveView::Need::kNothing) return;
    if (need == LiveView::Need::kForgetGrowth) looker_.forget_growth();
    looker_.arrange(look, view.arrangement());
    view.take(look);
  }

  std::string text_of(LiveView& view, const Look& look) const {
    return view.text(look, terminal_size(STDOUT_FILENO), wants_colour(color_, ""),
                     fmt::format("every {} s", interval_));
  }

  static std::string without_keys(const std::string& text) { return text.substr(0, text.rfind('\n') + 1); }

  std::string watch_plainly(Look& look) {
    for (std::uint64_t looks = 1;; ++looks) {
      const auto next = next_time();
      if (was_last(looks, look)) return plain_text(look);
      print(plain_text(look) + (is_json() ? "" : "\n"));
      std::this_thread::sleep_until(next);
      look = looker_.look();
      looker_.arrange(look, arrangement_);
    }
  }

  static void print(const std::string& text) {
    Output output("");
    output.write(text);
    output.finish();
  }

  LookOptions options_;
  Arrangement arrangement_;
  double interval_ = 2;
  std::uint64_t count_ = 0;
  std::size_t top_ = 0;
  std::string color_ = "auto", format_ = "text";
  Looker looker_{options_};
};

}  // namespace

std::unique_ptr<Command> make_watch() { return std::make_unique<WatchCommand>(); }

}  // namespace leakdir::tool
