// SPDX-License-Identifier: BSL-1.0
//
// Runs one program to its end and keeps all that it said. A program that takes too long is killed with its whole
// process group, so that a deadlock fails a test and does not hang it.

#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace leakdir_test {

struct Command {
  std::vector<std::string> argv;
  std::string cwd;                         // empty: the test's own
  std::map<std::string, std::string> env;  // on top of the test's own without what would change the program
  std::string input;                       // of stdin; empty: /dev/null
  int timeout_seconds = 60;
  unsigned user = 0;             // of which to be, group and all; 0: as the test itself
  bool waits_for_input = false;  // stdin is a pipe to which nothing comes, and which does not end
};

struct Outcome {
  int status = 0;  // as waitpid gives it
  bool timed_out = false;
  std::string out, err;

  bool exited_with(int code) const;
  bool killed_by(int signal) const;
  std::string describe() const;  // for a failing assertion
};

// A program that runs. Its output goes to files without a name: children that outlive it hold nothing up.
class Process {
 public:
  explicit Process(const Command& command);
  ~Process();  // kills what is still running
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void kill(int signal) const;
  std::string output_so_far() const;
  // Waits until the program has said it so often on standard output. False when it ends, or its time is up, before
  // that.
  bool says(const std::string& text, int times = 1) const;
  Outcome wait();  // for as long as the command's timeout allows

 private:
  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
  int pipe_ = -1;  // its end of writing, for one that waits for input
  int timeout_seconds_;
  bool ended_ = false;
};

Outcome run(const Command& command);

// The lines of a text, without their ends.
std::vector<std::string> lines_of(const std::string& text);

}  // namespace leakdir_test
