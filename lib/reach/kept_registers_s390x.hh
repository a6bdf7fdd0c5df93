// SPDX-License-Identifier: BSL-1.0
//
// s390x, for kept_registers.hh. Compilers put general registers aside in floating-point ones, too, whose columns are
// not in the order of their numbers.

#pragma once

#include <cstdint>

namespace leakdir {

inline constexpr CfiColumns kCalling = {15, 11, 14};  // r15, r11, r14
inline constexpr unsigned kKept[] = {6, 7, 8, 9, 10, 11, 12, 13, 24, 25, 26, 27, 28, 29, 30, 31};
inline std::uintptr_t without_mark(std::uintptr_t address) { return address; }

[[gnu::always_inline]] inline Frame this_frame() {
  Frame here = {};
  __asm__ volatile(
      "larl %0, .\n\tlgr %1, %%r15\n\tstmg %%r6, %%r13, 48(%2)\n\tstd %%f8, 192(%2)\n\tstd %%f10, 200(%2)\n\t"
      "std %%f12, 208(%2)\n\tstd %%f14, 216(%2)\n\tstd %%f9, 224(%2)\n\tstd %%f11, 232(%2)\n\tstd %%f13, 240(%2)\n\t"
      "std %%f15, 248(%2)"
      : "=&r"(here.pc), "=&r"(here.sp)
      : "a"(here.kept)
      : "memory");
  return here;
}

}  // namespace leakdir
