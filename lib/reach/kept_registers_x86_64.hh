// SPDX-License-Identifier: BSL-1.0
//
// x86-64, for kept_registers.hh.

#pragma once

#include <cstdint>

namespace leakdir {

inline constexpr CfiColumns kCalling = {7, 6, 16};           // rsp, rbp, the return address
inline constexpr unsigned kKept[] = {3, 6, 12, 13, 14, 15};  // rbx, rbp, r12 to r15
inline std::uintptr_t without_mark(std::uintptr_t address) { return address; }

[[gnu::always_inline]] inline Frame this_frame() {
  Frame here = {};
  __asm__ volatile(
      "leaq 0f(%%rip), %%rax\n0:\n\tmovq %%rax, %0\n\tmovq %%rsp, %1\n\tmovq %%rbx, %2\n\tmovq %%rbp, %3\n\t"
      "movq %%r12, %4\n\tmovq %%r13, %5\n\tmovq %%r14, %6\n\tmovq %%r15, %7"
      : "=m"(here.pc), "=m"(here.sp), "=m"(here.kept[3]), "=m"(here.kept[6]), "=m"(here.kept[12]), "=m"(here.kept[13]),
        "=m"(here.kept[14]), "=m"(here.kept[15])
      :
      : "rax");
  return here;
}

}  // namespace leakdir
