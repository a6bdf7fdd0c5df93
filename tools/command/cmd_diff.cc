// SPDX-License-Identifier: BSL-1.0
//
// leakdir diff: what grew between two runs, or between two looks at one, stack by stack.

#include "analyse/compare.hh"
#include "base/output.hh"
#include "command.hh"
#include "common_options.hh"
#include "emit/emit_diff.hh"
#include "load_tally.hh"

namespace leakdir::tool {

namespace {

class DiffCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_argument(app, "OLD", old_, "What was: a record directory, a saved file, or a report or baseline in JSON");
    add_argument(app, "NEW", new_, "What is: the same");
    add_flag(app, "--all", lists_all_, "List what has shrunk or is gone, too");
    add_top(app, top_, "all");
    add_min_age(app, options_.min_age);
    add_alloc_fn(app, options_.alloc_fns);
    add_format(app, format_, {"text", "json", "html"});
    add_file(app, "-o,--output", output_, "Write to a file");
    add_error_exitcode(app, error_exitcode_, "something grew");
    add_suppression_options(app, options_.suppressions);
    add_symbol_options(app, options_.symbols);
    add_footer(
        app,
        "Stacks are told by function and module, so that two builds can be compared. Exit status: 0 done; 1 could not, "
        "or a ledger is damaged; 2 usage; that of --error-exitcode.");
  }

  int run() override {
    options_.figures = Figures::kEstimated;
    if (format_ == "html") require_html();
    // Of both, before names are looked up: a debug file that is given may be for either.
    const auto old_snapshot = snapshot_to_compare(old_), new_snapshot = snapshot_to_compare(new_);
    for (const auto& snapshot : {&old_snapshot, &new_snapshot})
      if (*snapshot) add_build_ids(**snapshot, options_.symbols);
    const Tally before = tally_at(old_, old_snapshot, options_), after = tally_at(new_, new_snapshot, options_);
    Comparison comparison{
        before,     after, compare(before.stacks, after.stacks), compare(before.bad_frees, after.bad_frees),
        lists_all_, top_};
    if (after.is_damaged) {
      take_less_for_unread(comparison.stacks);
      take_less_for_unread(comparison.bad_frees);
    }
    Output output(output_);
    const Sink sink = [&](std::string_view text) { output.write(text); };
    if (format_ == "json")
      emit_diff_json(comparison, sink);
    else if (format_ == "html")
      emit_diff_html(comparison, sink);
    else
      emit_diff_text(comparison, sink);
    output.finish();
    if (comparison.has_grown() && error_exitcode_ != 0) return error_exitcode_;
    return before.is_damaged || after.is_damaged ? 1 : 0;
  }

 private:
  std::string old_, new_, format_ = "text", output_;
  bool lists_all_ = false;
  std::size_t top_ = 0;
  int error_exitcode_ = 0;
  TallyOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_diff() { return std::make_unique<DiffCommand>(); }

}  // namespace leakdir::tool
