// SPDX-License-Identifier: BSL-1.0

#include "exit_frame.hh"

namespace leakdir {

ThreadAtExit find_thread_at_exit() { return find_thread_here(); }

__attribute__((noinline)) ThreadAtExit find_thread_here() {
  ThreadAtExit thread = {};
  std::uintptr_t* const registers = thread.registers;
#if defined(__aarch64__)
  __asm__ volatile(
      "stp x19, x20, [%0]\n\tstp x21, x22, [%0, #16]\n\tstp x23, x24, [%0, #32]\n\tstp x25, x26, [%0, #48]\n\t"
      "stp x27, x28, [%0, #64]\n\tstr x29, [%0, #80]"
      :
      : "r"(registers)
      : "memory");
  thread.register_count = 11;
#elif defined(__arm__)
  __asm__ volatile("stmia %0, {r4-r11}" : : "r"(registers) : "memory");
  thread.register_count = 8;
#elif defined(__i386__)
  __asm__ volatile("movl %%ebx, (%0)\n\tmovl %%esi, 4(%0)\n\tmovl %%edi, 8(%0)\n\tmovl %%ebp, 12(%0)"
                   :
                   : "r"(registers)
                   : "memory");
  thread.register_count = 4;
#endif
  thread.is_known = thread.register_count != 0;
  // Registers that this function has put aside lie in its own frame.
  thread.sp = reinterpret_cast<std::uintptr_t>(&thread);
  return thread;
}

}  // namespace leakdir
