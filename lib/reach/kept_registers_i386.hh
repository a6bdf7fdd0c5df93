// SPDX-License-Identifier: BSL-1.0
//
// i386, for kept_registers.hh.

#pragma once

#include <cstdint>

namespace leakdir {

inline constexpr CfiColumns kCalling = {4, 5, 8};  // esp, ebp, the return address
inline constexpr unsigned kKept[] = {3, 5, 6, 7};  // ebx, ebp, esi, edi
inline std::uintptr_t without_mark(std::uintptr_t address) { return address; }

[[gnu::always_inline]] inline Frame this_frame() {
  Frame here = {};
  __asm__ volatile(
      "call 0f\n0:\n\tpopl (%0)\n\tmovl %%esp, 4(%0)\n\tmovl %%ebx, 20(%0)\n\tmovl %%ebp, 28(%0)\n\t"
      "movl %%esi, 32(%0)\n\tmovl %%edi, 36(%0)"
      :
      : "r"(&here)
      : "memory");
  static_assert(offsetof(Frame, kept) == 8, "the offsets above");
  return here;
}

}  // namespace leakdir
