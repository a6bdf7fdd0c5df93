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
#elif defined(__riscv) && __riscv_xlen == 64
  __asm__ volatile(
      "sd s0, (%0)\n\tsd s1, 8(%0)\n\tsd s2, 16(%0)\n\tsd s3, 24(%0)\n\tsd s4, 32(%0)\n\tsd s5, 40(%0)\n\t"
      "sd s6, 48(%0)\n\tsd s7, 56(%0)\n\tsd s8, 64(%0)\n\tsd s9, 72(%0)\n\tsd s10, 80(%0)\n\tsd s11, 88(%0)"
      :
      : "r"(registers)
      : "memory");
  thread.register_count = 12;
#elif defined(__s390x__)
  // Floating-point registers too: compilers put general ones aside there.
  __asm__ volatile(
      "stmg %%r6, %%r13, 0(%0)\n\tstd %%f8, 64(%0)\n\tstd %%f9, 72(%0)\n\tstd %%f10, 80(%0)\n\tstd %%f11, 88(%0)\n\t"
      "std %%f12, 96(%0)\n\tstd %%f13, 104(%0)\n\tstd %%f14, 112(%0)\n\tstd %%f15, 120(%0)"
      :
      : "a"(registers)
      : "memory");
  thread.register_count = 16;
#elif defined(__powerpc64__)
  __asm__ volatile(
      "std 14, 0(%0)\n\tstd 15, 8(%0)\n\tstd 16, 16(%0)\n\tstd 17, 24(%0)\n\tstd 18, 32(%0)\n\tstd 19, 40(%0)\n\t"
      "std 20, 48(%0)\n\tstd 21, 56(%0)\n\tstd 22, 64(%0)\n\tstd 23, 72(%0)\n\tstd 24, 80(%0)\n\tstd 25, 88(%0)\n\t"
      "std 26, 96(%0)\n\tstd 27, 104(%0)\n\tstd 28, 112(%0)\n\tstd 29, 120(%0)\n\tstd 30, 128(%0)\n\tstd 31, 136(%0)"
      :
      : "b"(registers)
      : "memory");
  thread.register_count = 18;
#endif
  thread.is_known = thread.register_count != 0;
  // Registers that this function has put aside lie in its own frame.
  thread.sp = reinterpret_cast<std::uintptr_t>(&thread);
  return thread;
}

}  // namespace leakdir
