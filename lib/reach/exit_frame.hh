// SPDX-License-Identifier: BSL-1.0
//
// The thread as it was when it called exit(): its stack pointer, and the registers that a called function gives back.
// What lies below on the stack are frames of exit() and of what it called: they hold pointers that the program has
// left there long ago, in places that nobody has written to since.
//
// By the unwind tables (but not on 32-bit ARM). Where they do not lead to exit(), as on riscv64, where most of libc has
// none, it is the thread as it called us, or as it is now: then what such a place holds may make a lost block
// reachable, and never a reachable one lost.

#pragma once

#include <cstdint>

namespace leakdir {

struct ThreadAtExit {
  static constexpr unsigned kMostRegisters = 32;
  std::uintptr_t sp;
  std::uintptr_t registers[kMostRegisters];
  unsigned register_count;
};

// Allocates nothing. Before exit() is over, in the thread that called it. `ours` is a variable in the frame of ours
// that libc has called.
ThreadAtExit find_thread_at_exit(const void* ours);

// The thread as it was when it called the function of ours that calls this. Where one of its frames up the stack has
// called a function whose frame ends at `below` (its CFA), the thread as that frame sees it: all further in is passed
// over. 0, or no such frame: as the caller sees it.
ThreadAtExit find_thread_here(std::uintptr_t below);

}  // namespace leakdir
