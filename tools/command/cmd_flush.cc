// SPDX-License-Identifier: BSL-1.0
//
// leakdir flush: makes the record files of a running process be what is live now.

#include <fmt/format.h>

#include "base/error.hh"
#include "base/output.hh"
#include "base/words.hh"
#include "command.hh"
#include "common_options.hh"
#include "load/control.hh"

namespace leakdir::tool {

namespace {

class FlushCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory(app, directory_);
    add_patience(app, patience_);
    add_footer(
        app, "Exit status: 0 the files are up to date; 1 could not (no such process, or it does not answer); 2 usage.");
  }

  int run() override {
    const Control control(directory_);
    const std::uint64_t errors = control.header().write_errors;
    const std::uint64_t request = control.ask_for_flush();
    const auto answer = control.wait([request](const ledger::Header& header) { return header.flush_done >= request; },
                                     patience_of(patience_));
    if (answer == Control::Answer::kNothing)
      throw Error(fmt::format("{} has not answered in {} s: {}. The request stands", control.process(), patience_,
                              control.excuse()));
    const std::uint64_t more_errors = control.header().write_errors - errors;
    if (more_errors != 0)
      throw Error(fmt::format("{}: {} could not be written or removed", control.process(),
                              count_of(more_errors, "record file")));
    const bool has_none = control.header().option_write == static_cast<std::uint32_t>(ledger::WriteMode::kNever);
    Output output("");
    output.write(
        printable(fmt::format(
            "{}{}: {}", control.process(), answer == Control::Answer::kEnded ? ", which has exited meanwhile" : "",
            has_none ? "no record files are made (write=never)" : "the record files are up to date")) +
        "\n");
    output.finish();
    return 0;
  }

 private:
  std::string directory_;
  double patience_ = kPatience;
};

}  // namespace

std::unique_ptr<Command> make_flush() { return std::make_unique<FlushCommand>(); }

}  // namespace leakdir::tool
