// SPDX-License-Identifier: BSL-1.0
//
// riscv64 Linux, for processor.hh.

#pragma once

#include <cstdint>

#include "fast_walk_cfi.hh"

namespace leakdir {

inline constexpr CfiColumns kColumns = {2, 8, 1, false};  // sp, s0, ra

// The thread's control block lies above its stack.
inline std::uintptr_t own_thread() noexcept {
  std::uintptr_t thread;
  asm("mv %0, tp" : "=r"(thread));
  return thread;
}

// No return address is signed.
inline std::uintptr_t without_signature(std::uintptr_t address) noexcept { return address; }
inline unsigned signature_bits() noexcept { return 0; }

}  // namespace leakdir
