// SPDX-License-Identifier: BSL-1.0
//
// The thread as it was when it called exit(): its stack pointer, and the registers that a called function gives back.
// What lies below on the stack are frames of exit() and of what it called: they hold pointers that the program has
// left there long ago, in places that nobody has written to since.
//
// On x86-64 by the unwind tables. Elsewhere, and where the tables do not lead to exit(), it is the thread as it is now:
// then what such a place holds may make a lost block reachable, and never a reachable one lost.

#pragma once

#include <cstdint>

namespace leakdir {

struct ThreadAtExit {
  static constexpr unsigned kMostRegisters = 32;
  std::uintptr_t sp;
  std::uintptr_t registers[kMostRegisters];
  unsigned register_count;
  bool is_known;  // false: the registers of this processor are not
};

// Allocates nothing. Before exit() is over, in the thread that called it.
ThreadAtExit find_thread_at_exit();

// The thread as it is now. What its callers' frames hold from earlier calls counts.
ThreadAtExit find_thread_here();

}  // namespace leakdir
