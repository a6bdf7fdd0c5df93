// SPDX-License-Identifier: BSL-1.0
//
// Which part of the stack a walk may read.
//
// A thread's own stack reaches up to an address that is known without asking anybody: the initial thread's to what the
// kernel put above it, another's to its thread control block. Its pages are proven readable one by one, once, as the
// walks need them, and stay so as long as the thread lives. Any other stack (a coroutine's, an alternate signal stack)
// may be unmapped at any time by code that is not us, so its pages are proven again in each walk.
//
// Proven means that the kernel was asked to read there: rt_sigprocmask with an impossible `how` reads the set and then
// refuses, so it changes nothing, needs no descriptor and no /proc, and no seccomp filter forbids it. About 0.1
// microseconds. System calls made here: rt_sigprocmask, gettid, getpid, and for a stack that is deeper by far than
// those before msync (MS_ASYNC: does nothing but look for holes). errno is kept.

#pragma once

#include <cstdint>

#include "fast_walk.hh"

namespace leakdir {

// Whether a word can be read at `address`.
[[nodiscard]] bool can_read(std::uintptr_t address) noexcept;

// Whether can_read can be relied on here: emulators and sandboxes may answer otherwise than Linux does.
[[nodiscard]] bool can_ask() noexcept;

// Whether [sp, reach.hi) is part of the thread's own stack and proven readable; tries to prove it if it is not yet.
// `thread` is this thread's control block, which lies above the stack of each thread but the initial one.
[[nodiscard]] bool is_own_stack(StackReach& reach, std::uintptr_t sp, std::uintptr_t thread) noexcept;

// The first address behind `sp` that is not known to be readable, for the stack in use, whichever it is.
[[nodiscard]] inline std::uintptr_t readable_end_at(std::uintptr_t sp) noexcept {
  // The return address below sp was just written, so its page is readable.
  constexpr std::uintptr_t kPage = 4096;
  return ((sp - sizeof(std::uintptr_t)) | (kPage - 1)) + 1;
}

// Proves the pages from `end` on until `wanted` is behind them, and moves `end`. False: one of them cannot be read, or
// it is too far.
[[nodiscard]] bool extend_readable(std::uintptr_t* end, std::uintptr_t wanted) noexcept;

}  // namespace leakdir
