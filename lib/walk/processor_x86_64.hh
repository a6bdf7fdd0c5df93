// SPDX-License-Identifier: BSL-1.0
//
// x86-64 Linux, for processor.hh.

#pragma once

#include <cstdint>

#include "fast_walk_cfi.hh"

namespace leakdir {

inline constexpr CfiColumns kColumns = {7, 6, 16, false};  // rsp, rbp, the return address

// The thread's control block, which begins with its own address and lies above its stack.
inline std::uintptr_t own_thread() noexcept {
  std::uintptr_t thread;
  asm("mov %%fs:0, %0" : "=r"(thread));
  return thread;
}

// No return address is signed.
inline std::uintptr_t without_signature(std::uintptr_t address) noexcept { return address; }
inline unsigned signature_bits() noexcept { return 0; }

}  // namespace leakdir
