// SPDX-License-Identifier: BSL-1.0
//
// leakdir report: the live blocks of a process by stack, largest first.

#include "command.hh"
#include "print_report.hh"

namespace leakdir::tool {

namespace {

class ReportCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory(app, directory_);
    add_report_options(app, options_);
    add_file(app, "-o,--output", options_.output, "Write to a file");
    add_footer(app, "Exit status: 0 done; 1 could not; 2 usage; that of --error-exitcode.");
  }

  int run() override {
    check_report_options(options_);
    return print_report(directory_, options_, {read_suppression_files(options_.suppressions), nullptr});
  }

 private:
  std::string directory_;
  ReportOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_report() { return std::make_unique<ReportCommand>(); }

}  // namespace leakdir::tool
