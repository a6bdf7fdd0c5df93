// SPDX-License-Identifier: BSL-1.0
//
// leakdir pause, leakdir resume: switch recording off and on in a running process.

#include <fmt/format.h>

#include "base/error.hh"
#include "base/output.hh"
#include "base/words.hh"
#include "command.hh"
#include "common_options.hh"
#include "load/control.hh"

namespace leakdir::tool {

namespace {

class SwitchCommand : public Command {
 public:
  explicit SwitchCommand(bool on) : on_(on) {}

  void describe(CLI::App& app) override {
    add_directory(app, directory_);
    add_patience(app, patience_);
    add_footer(
        app,
        "Blocks that are allocated while recording is paused are not seen; those that were recorded before stay, and "
        "are seen to be freed. Exit status: 0 done; 1 could not (no such process, or it does not answer); 2 usage.");
  }

  int run() override {
    const Control control(directory_);
    const std::uint32_t wanted = on_ ? 1 : 0;
    auto is_done = [wanted](const ledger::Header& header) {
      return header.control == static_cast<std::uint32_t>(ledger::Control::kNone) && header.recording == wanted;
    };
    const bool was_so = is_done(control.header());
    if (!was_so) {
      control.ask(on_ ? ledger::Control::kResume : ledger::Control::kPause);
      const auto answer = control.wait(is_done, patience_of(patience_));
      if (answer == Control::Answer::kEnded) throw Error(fmt::format("{} has exited meanwhile", control.process()));
      if (answer == Control::Answer::kNothing)
        throw Error(fmt::format("{} has not answered in {} s: {}. The request stands", control.process(), patience_,
                                control.excuse()));
    }
    Output output("");
    output.write(printable(fmt::format("{}: recording {} {}", control.process(), was_so ? "was already" : "is now",
                                       on_ ? "on" : "paused")) +
                 "\n");
    output.finish();
    return 0;
  }

 private:
  bool on_;
  std::string directory_;
  double patience_ = kPatience;
};

}  // namespace

std::unique_ptr<Command> make_pause() { return std::make_unique<SwitchCommand>(false); }
std::unique_ptr<Command> make_resume() { return std::make_unique<SwitchCommand>(true); }

}  // namespace leakdir::tool
