// SPDX-License-Identifier: BSL-1.0
//
// 32-bit ARM, which has unwind tables of another kind.

#include "exit_frame.hh"

namespace leakdir {

ThreadAtExit find_thread_at_exit(const void*) { return find_thread_here(0); }

__attribute__((noinline)) ThreadAtExit find_thread_here(std::uintptr_t) {
  ThreadAtExit thread = {};
  std::uintptr_t* const registers = thread.registers;
  __asm__ volatile("stmia %0, {r4-r11}" : : "r"(registers) : "memory");
  thread.register_count = 8;
  // Registers that this function has put aside lie in its own frame.
  thread.sp = reinterpret_cast<std::uintptr_t>(&thread);
  return thread;
}

}  // namespace leakdir
