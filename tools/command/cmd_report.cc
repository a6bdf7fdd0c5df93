// SPDX-License-Identifier: BSL-1.0
//
// leakdir report: the live blocks of a process by stack, largest first.

#include "base/error.hh"
#include "command.hh"
#include "load/load.hh"
#include "print_held.hh"
#include "print_report.hh"

namespace leakdir::tool {

namespace {

class ReportCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directories(app, directories_, "are reported as one");
    add_flag(app, "--all", is_of_all_, "With all processes that have recorded in DIR/<pid>/, as one");
    add_report_options(app, options_);
    add_file(app, "-o,--output", options_.output, "Write to a file");
    add_flag(app, "--held", is_held_,
             "List what is still reachable by the root that holds it: variables, stacks, registers");
    add_footer(app, "Exit status: 0 done; 1 could not; 2 usage; that of --error-exitcode.");
  }

  int run() override {
    check_report_options(options_);
    if (is_held_) {
      if (is_of_all_ || directories_.size() != 1) throw Error("--held is of one process");
      return print_held(directories_.front(), options_);
    }
    ReportFiles files = {read_suppression_files(options_.suppressions), nullptr};
    const auto see = [&](std::vector<Snapshot>& snapshots) {
      const std::vector<std::string> doubts = find_kinds_of_some(options_.kinds, snapshots);
      if (options_.format == "text") return;  // it says why where it counts them
      for (std::size_t i = 0; i < doubts.size(); ++i)
        if (!doubts[i].empty()) snapshots[i].warnings.push_back(doubts[i]);
    };
    return print_report(load_all(directories_, is_of_all_, see, blocks_wanted(options_.kinds)), options_,
                        std::move(files));
  }

 private:
  std::vector<std::string> directories_;
  bool is_of_all_ = false;
  ReportOptions options_;
  bool is_held_ = false;
};

}  // namespace

std::unique_ptr<Command> make_report() { return std::make_unique<ReportCommand>(); }

}  // namespace leakdir::tool
