// SPDX-License-Identifier: BSL-1.0
//
// What a command of the tool is: options, help and a run, in one file cmd_<name>.cc. To add one, write that file,
// declare its maker here, and put a line into the table in main.cc. Commands never use each other.

#pragma once

#include <memory>

namespace CLI {
class App;
}

namespace leakdir::tool {

class Command {
 public:
  virtual ~Command() = default;
  // Adds options and help to the command's part of the command line.
  virtual void describe(CLI::App& app) = 0;
  // The tool's exit status. Throws Error when it could not.
  virtual int run() = 0;
};

std::unique_ptr<Command> make_check();
std::unique_ptr<Command> make_diff();
std::unique_ptr<Command> make_doctor();
std::unique_ptr<Command> make_document();
std::unique_ptr<Command> make_flush();
std::unique_ptr<Command> make_metrics();
std::unique_ptr<Command> make_pause();
std::unique_ptr<Command> make_recover();
std::unique_ptr<Command> make_report();
std::unique_ptr<Command> make_resume();
std::unique_ptr<Command> make_run();
std::unique_ptr<Command> make_save();
std::unique_ptr<Command> make_watch();
std::unique_ptr<Command> make_why();

}  // namespace leakdir::tool
