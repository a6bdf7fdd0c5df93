// SPDX-License-Identifier: BSL-1.0
//
// 64-bit PowerPC, for kept_registers.hh.

#pragma once

#include <cstdint>

namespace leakdir {

inline constexpr CfiColumns kCalling = {1, 31, 65};  // r1, r31, the link register
inline constexpr unsigned kKept[] = {14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
inline std::uintptr_t without_mark(std::uintptr_t address) { return address; }

[[gnu::always_inline]] inline Frame this_frame() {
  Frame here = {};
  __asm__ volatile(
      "bcl 20, 31, $+4\n\tmflr %0\n\tmr %1, 1\n\tstd 14, 0(%2)\n\tstd 15, 8(%2)\n\tstd 16, 16(%2)\n\tstd 17, 24(%2)\n\t"
      "std 18, 32(%2)\n\tstd 19, 40(%2)\n\tstd 20, 48(%2)\n\tstd 21, 56(%2)\n\tstd 22, 64(%2)\n\tstd 23, 72(%2)\n\t"
      "std 24, 80(%2)\n\tstd 25, 88(%2)\n\tstd 26, 96(%2)\n\tstd 27, 104(%2)\n\tstd 28, 112(%2)\n\tstd 29, 120(%2)\n\t"
      "std 30, 128(%2)\n\tstd 31, 136(%2)"
      : "=&r"(here.pc), "=&r"(here.sp)
      : "b"(&here.kept[14])
      : "memory", "lr");
  return here;
}

}  // namespace leakdir
