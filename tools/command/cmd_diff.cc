// SPDX-License-Identifier: BSL-1.0
//
// leakdir diff: what grew between two runs, or between two looks at one, stack by stack.

#include <sys/stat.h>

#include <optional>

#include "analyse/compare.hh"
#include "analyse/report_model.hh"
#include "analyse/runtimes.hh"
#include "analyse/tally.hh"
#include "base/output.hh"
#include "command.hh"
#include "common_options.hh"
#include "emit/emit_diff.hh"
#include "load/bytes.hh"
#include "load/load.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kMaxReport = std::size_t{1} << 30;

// A report in JSON starts with a brace; nothing else that can be compared does.
bool is_json(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode)) return false;
  if (!S_ISREG(status.st_mode)) return true;  // a pipe: nothing else can be read through one
  char first = 0;
  return FileBytes(path).read(0, &first, 1) == 1 && first == '{';
}

class DiffCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_argument(app, "OLD", old_, "What was: a record directory, a saved file, or a report or baseline in JSON");
    add_argument(app, "NEW", new_, "What is: the same");
    add_flag(app, "--all", lists_all_, "List what has shrunk or is gone, too");
    add_top(app, top_, "all");
    add_min_age(app, min_age_);
    add_alloc_fn(app, alloc_fns_);
    add_format(app, format_, {"text", "json"});
    add_file(app, "-o,--output", output_, "Write to a file");
    add_error_exitcode(app, error_exitcode_, "something grew");
    add_suppression_options(app, suppression_options_);
    add_symbol_options(app, symbol_options_);
    add_footer(
        app,
        "Stacks are told by function and module, so that two builds can be compared. Exit status: 0 done; 1 could not; "
        "2 usage; that of --error-exitcode.");
  }

  int run() override {
    // Of both, before names are looked up: a debug file that is given may be for either.
    const auto old_snapshot = snapshot_at(old_), new_snapshot = snapshot_at(new_);
    for (const auto& snapshot : {&old_snapshot, &new_snapshot})
      if (*snapshot) add_build_ids(**snapshot, symbol_options_);
    const Tally before = tally_at(old_, old_snapshot), after = tally_at(new_, new_snapshot);
    const Comparison comparison{
        before,     after, compare(before.stacks, after.stacks), compare(before.bad_frees, after.bad_frees),
        lists_all_, top_};
    Output output(output_);
    const Sink sink = [&](std::string_view text) { output.write(text); };
    format_ == "json" ? emit_diff_json(comparison, sink) : emit_diff_text(comparison, sink);
    output.finish();
    return comparison.has_grown() ? error_exitcode_ : 0;
  }

 private:
  // None: it is a report in JSON.
  static std::optional<Snapshot> snapshot_at(const std::string& path) {
    return is_json(path) ? std::nullopt : std::optional<Snapshot>(load(path));
  }

  Tally tally_at(const std::string& path, const std::optional<Snapshot>& loaded) const {
    if (!loaded) {
      Tally tally = tally_of_json(read_text(path, kMaxReport), path);
      suppress(tally, read_suppressions(suppression_options_, {}, tally.warnings));
      return tally;
    }
    const Snapshot& snapshot = *loaded;
    GroupOptions options;
    options.lists_libc = snapshot.lists_libc;
    options.min_age_ns = static_cast<std::int64_t>(min_age_ * 1e9);
    Grouped grouped = group(snapshot, options);
    std::vector<std::string> warnings;
    auto rules = read_suppressions(suppression_options_, snapshot, warnings);
    const auto symbols = make_dwfl_symbols(symbol_options_, snapshot);
    const FrameLines lines = symbolise(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), *symbols);
    Wrappers wrappers(alloc_fns_);
    wrappers.learn(snapshot, grouped, lines);
    if (!suppression_options_.lists_runtimes) leave_out_runtimes(snapshot, lines, grouped);
    suppress(snapshot, lines, std::move(rules), grouped);
    Tally tally = tally_of(snapshot, grouped, lines, wrappers);
    for (const auto& more : {warnings, symbols->warnings()})
      tally.warnings.insert(tally.warnings.end(), more.begin(), more.end());
    return tally;
  }

  std::string old_, new_, format_ = "text", output_;
  std::vector<std::string> alloc_fns_;
  bool lists_all_ = false;
  std::size_t top_ = 0;
  double min_age_ = 0;
  int error_exitcode_ = 0;
  SuppressionOptions suppression_options_;
  SymbolOptions symbol_options_;
};

}  // namespace

std::unique_ptr<Command> make_diff() { return std::make_unique<DiffCommand>(); }

}  // namespace leakdir::tool
