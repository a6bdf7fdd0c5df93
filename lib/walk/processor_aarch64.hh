// SPDX-License-Identifier: BSL-1.0
//
// arm64 Linux, for processor.hh. A function may sign its return address before it saves it (-mbranch-protection;
// "Pointer authentication" in Arm's manual): the signature lies in the bits above those of an address, and is another
// one at each place of the stack.

#pragma once

#include <cstdint>

#include "fast_walk_cfi.hh"

namespace leakdir {

inline constexpr CfiColumns kColumns = {31, 29, 30, true};  // sp, x29, x30

// The thread's control block lies above its stack.
inline std::uintptr_t own_thread() noexcept {
  std::uintptr_t thread;
  asm("mrs %0, tpidr_el0" : "=r"(thread));
  return thread;
}

// xpaclri, which works on x30 alone; older processors do nothing there.
inline std::uintptr_t without_signature(std::uintptr_t address) noexcept {
  register std::uintptr_t x30 asm("x30") = address;
  asm("hint #7" : "+r"(x30));
  return x30;
}

// How many of the highest bits of a signed address are not the address's. (Bit 55 is 0 in each of a program's; the
// eight above are part of the signature or 0.)
inline unsigned signature_bits() noexcept {
  constexpr std::uintptr_t kAll = (std::uintptr_t{1} << 55) - 1;
  const std::uintptr_t left = without_signature(kAll);
  return left == kAll ? 0 : static_cast<unsigned>(__builtin_clzl(left));
}

}  // namespace leakdir
