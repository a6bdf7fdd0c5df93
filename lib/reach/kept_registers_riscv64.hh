// SPDX-License-Identifier: BSL-1.0
//
// riscv64, for kept_registers.hh.

#pragma once

#include <cstdint>

namespace leakdir {

inline constexpr CfiColumns kCalling = {2, 8, 1};                                    // sp, s0, ra
inline constexpr unsigned kKept[] = {8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27};  // s0 to s11
inline std::uintptr_t without_mark(std::uintptr_t address) { return address; }

[[gnu::always_inline]] inline Frame this_frame() {
  Frame here = {};
  __asm__ volatile(
      "auipc %0, 0\n\tmv %1, sp\n\tsd s0, 64(%2)\n\tsd s1, 72(%2)\n\tsd s2, 144(%2)\n\tsd s3, 152(%2)\n\t"
      "sd s4, 160(%2)\n\tsd s5, 168(%2)\n\tsd s6, 176(%2)\n\tsd s7, 184(%2)\n\tsd s8, 192(%2)\n\tsd s9, 200(%2)\n\t"
      "sd s10, 208(%2)\n\tsd s11, 216(%2)"
      : "=&r"(here.pc), "=&r"(here.sp)
      : "r"(here.kept)
      : "memory");
  return here;
}

}  // namespace leakdir
