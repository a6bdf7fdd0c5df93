// SPDX-License-Identifier: BSL-1.0
//
// Stops all threads of a process for as long as the object lives, and lets them go on as they were: a thread that was
// about to get a signal gets it, a process that was stopped stays stopped. The same holds when we are killed meanwhile:
// the kernel lets go then, and nothing was taken from the process that it would miss.

#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

#include "registers.hh"

namespace leakdir::tool {

class StoppedThreads {
 public:
  struct Thread {
    pid_t tid = 0;
    int signal = 0;                  // what it is about to get
    bool is_stopped_anyway = false;  // with its process, by SIGSTOP or its kin
    Registers registers;
  };

  // `machine`: e_machine of the program. Throws Error, one clear line, when it cannot be done, and then nothing is
  // stopped.
  StoppedThreads(pid_t pid, unsigned machine);
  ~StoppedThreads();
  StoppedThreads(const StoppedThreads&) = delete;
  StoppedThreads& operator=(const StoppedThreads&) = delete;

  const std::vector<Thread>& threads() const { return threads_; }

  // Lets those threads go on for a moment that are where they should not be looked at, and stops them again, some times
  // if need be. False: some are still there.
  bool settle(const std::function<bool(const Thread&)>& is_inside);

 private:
  void seize_all();
  bool seize(pid_t tid);  // false: it is not there any more
  void await(std::vector<Thread>& threads);
  void let_go();

  pid_t pid_;
  unsigned machine_;
  std::vector<Thread> threads_;  // all that are seized; those that have ended are taken out
};

}  // namespace leakdir::tool
