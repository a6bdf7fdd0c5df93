// SPDX-License-Identifier: BSL-1.0
//
// leakdir report: the live blocks of a process by stack, largest first.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "command.hh"
#include "common_options.hh"
#include "emit.hh"
#include "error.hh"
#include "load.hh"
#include "output.hh"
#include "progress.hh"
#include "words.hh"

namespace leakdir::tool {

namespace {

constexpr std::int64_t kRecentNs = 60'000'000'000;

FrameLines look_up(const Snapshot& snapshot, const std::vector<std::uint32_t>& stacks, Symbols& symbols) {
  Progress progress("looking up names");
  return symbolise(snapshot, stacks, symbols, [&](std::size_t done) { progress.show(done, stacks.size()); });
}

class ReportCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory(app, directory_);
    add_top(app, top_, "all");
    add_min_age(app, min_age_);
    add_sort(app, sort_, {"bytes", "blocks", "age"});
    add_libc(app, lists_libc_);
    add_format(app, format_, {"text", "json", "html", "folded", "pprof"});
    app.add_option("-o,--output", output_, "Write to a file")->type_name("FILE");
    add_color(app, color_);
    add_error_exitcode(app, error_exitcode_, "live blocks or bad frees are listed");
    add_suppression_options(app, suppression_options_);
    app.add_flag("--gen-suppressions", generates_suppressions_, "Print suppressions for what is listed, ready to paste")
        ->group("Suppressions");
    add_symbol_options(app, symbol_options_);
    app.footer("Exit status: 0 done; 1 could not; 2 usage; that of --error-exitcode.");
  }

  int run() override {
    if (format_ == "pprof" && output_.empty() && isatty(STDOUT_FILENO))
      throw Error("a pprof profile is binary and nothing for a terminal: -o FILE says where to write it");
    if (format_ == "html") require_html();
    const Snapshot snapshot = load(directory_);
    GroupOptions options;
    options.lists_libc = lists_libc_ || snapshot.lists_libc;
    options.min_age_ns = static_cast<std::int64_t>(min_age_ * 1e9);
    options.sort =
        std::map<std::string, Sort>{{"bytes", Sort::kBytes}, {"blocks", Sort::kBlocks}, {"age", Sort::kAge}}.at(sort_);
    Grouped grouped = group(snapshot, options);
    std::vector<std::string> warnings = snapshot.warnings;
    auto rules = read_suppressions(suppression_options_, snapshot, warnings);

    auto shown = [&] { return top_ == 0 ? grouped.groups.size() : std::min(top_, grouped.groups.size()); };
    const auto symbols = make_dwfl_symbols(symbol_options_, snapshot.start_ns);
    // What is suppressed must have its names to be told.
    const bool needs_all_names = !rules.empty() || generates_suppressions_;
    const std::size_t named = needs_all_names ? grouped.groups.size() : shown();
    const FrameLines lines = look_up(snapshot, shown_stacks(snapshot, grouped, named), *symbols);
    auto suppressions = suppress(snapshot, lines, std::move(rules), grouped);

    for (auto& warning : symbols->warnings()) warnings.push_back(std::move(warning));
    Report report{snapshot, grouped, lines, shown(), options.min_age_ns > 0, warnings, std::move(suppressions)};
    const Growth growth = recent_growth(snapshot, grouped, kRecentNs);
    if (snapshot.state == State::kRunning && snapshot.end_ns - snapshot.start_ns > kRecentNs) report.growth = &growth;
    Output output(output_);
    const Sink sink = [&](std::string_view text) { output.write(text); };
    if (generates_suppressions_) {
      sink(suppressions_for(snapshot, lines, grouped, shown()));
      for (const auto& warning : warnings) say("warning: " + warning);
    } else if (format_ == "json") {
      emit_json(report, sink);
    } else if (format_ == "folded") {
      emit_folded(report, sink);
    } else if (format_ == "html") {
      emit_html(report, sink);
    } else if (format_ == "pprof") {
      emit_pprof(report, sink);
    } else {
      emit_text(report, {wants_colour(color_, output_), columns_for(output_)}, sink);
    }
    output.finish();
    return grouped.blocks != 0 || snapshot.bad_frees_seen != 0 ? error_exitcode_ : 0;
  }

 private:
  std::string directory_;
  std::size_t top_ = 0;
  double min_age_ = 0;
  std::string sort_ = "bytes", format_ = "text", output_, color_ = "auto";
  bool lists_libc_ = false;
  int error_exitcode_ = 0;
  bool generates_suppressions_ = false;
  SuppressionOptions suppression_options_;
  SymbolOptions symbol_options_;
};

}  // namespace

std::unique_ptr<Command> make_report() { return std::make_unique<ReportCommand>(); }

}  // namespace leakdir::tool
