// SPDX-License-Identifier: BSL-1.0
//
// What the code itself says of an address that stands in a stack: whether a call led there, or nothing did.
//
// Most are return addresses, which stand behind a call. A function that the kernel or makecontext "returns" to has no
// call before it, and where a signal came anything may stand before. Reads code, if it can be read.

#pragma once

#include <cstdint>

namespace leakdir {

// Whether a call ends right before `pc`. True where it cannot be told.
[[nodiscard]] bool follows_call(std::uintptr_t pc) noexcept;

// The function that the call leads to which returns to `pc`, through a stub of the linker's too; 0 where the call does
// not say it.
[[nodiscard]] std::uintptr_t function_called_before(std::uintptr_t pc) noexcept;

// Whether the code at `pc` is the return from a signal handler: what the unwinder knows it by where it has no table.
[[nodiscard]] bool is_signal_return(std::uintptr_t pc) noexcept;

// Whether `pc` lies in the few instructions that the program begins with: nothing called them. In a plain static
// program they have no table that the unwinder finds.
[[nodiscard]] bool is_program_entry(std::uintptr_t pc) noexcept;

}  // namespace leakdir
