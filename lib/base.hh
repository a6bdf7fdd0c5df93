// SPDX-License-Identifier: BSL-1.0
//
// The few words that every part of the object uses. Includes nothing of ours.

#pragma once

#define LEAKDIR_LIKELY(x) __builtin_expect(!!(x), 1)
#define LEAKDIR_UNLIKELY(x) __builtin_expect(!!(x), 0)

// Cold code stands apart from the hot path, in a function of its own.
#define LEAKDIR_SLOW __attribute__((noinline, cold))

// The only names that a user's program can see: the malloc family and leakdir_*.
#define LEAKDIR_EXPORT extern "C" __attribute__((visibility("default"), used))

namespace leakdir {

// Keeps the compiler from moving stores to this thread's state across: a signal handler of the same thread may look.
inline void signal_fence() { __asm__ volatile("" ::: "memory"); }

}  // namespace leakdir
