// SPDX-License-Identifier: BSL-1.0
//
// The walk through functions of a C library that has no unwind tables (musl), on x86-64: where the caller's frame
// begins is what the code from the return address to the end of the function does to rsp.
//
// It is believed only where the caller says so too: what is found as the function's own return address must stand
// behind a call of the very function that the walk came from. So a frame that was read wrong ends the stack, and gives
// no frame that is not there.

#pragma once

#include <cstdint>

#include "fast_walk_rule.hh"
#include "system/libc.hh"

namespace leakdir {

#if defined(__x86_64__)
inline constexpr bool kWalksByCode = libc::kIsMusl;
#else
inline constexpr bool kWalksByCode = false;
#endif

// In the offset of a rule by code, in words: it counts from rbp, as rbp is in the function.
inline constexpr std::uint32_t kFromBpByCode = 1u << 16;

// RuleKind::kByCode with where the caller's frame begins and where its rbp is; kNoTable where the code does not tell.
// `pc`: a return address in code that can be read.
Rule rule_by_code(std::uintptr_t pc) noexcept;

// Whether the call that returns to `return_address` leads to the function that has `pc` in it, or to one that jumps to
// that one.
bool calls_function_of(std::uintptr_t return_address, std::uintptr_t pc) noexcept;

// The function that the call leads to that returns there; 0 where the call does not say it.
std::uintptr_t function_called_from(std::uintptr_t return_address) noexcept;

}  // namespace leakdir
