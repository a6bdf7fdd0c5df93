// SPDX-License-Identifier: BSL-1.0
//
// arm64, for kept_registers.hh. Saved return addresses may be signed (walk/processor_aarch64.hh).

#pragma once

#include <cstdint>

#include "walk/processor.hh"

namespace leakdir {

inline constexpr CfiColumns kCalling = kColumns;
inline constexpr unsigned kKept[] = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29};
inline std::uintptr_t without_mark(std::uintptr_t address) { return without_signature(address); }

[[gnu::always_inline]] inline Frame this_frame() {
  Frame here = {};
  __asm__ volatile(
      "adr %0, .\n\tmov %1, sp\n\tstp x19, x20, [%2]\n\tstp x21, x22, [%2, #16]\n\tstp x23, x24, [%2, #32]\n\t"
      "stp x25, x26, [%2, #48]\n\tstp x27, x28, [%2, #64]\n\tstr x29, [%2, #80]"
      : "=&r"(here.pc), "=&r"(here.sp)
      : "r"(&here.kept[19])
      : "memory");
  return here;
}

}  // namespace leakdir
