// SPDX-License-Identifier: BSL-1.0
//
// The few words that every part of the object uses. Includes nothing of ours.

#pragma once

#include <cstdint>

#define LEAKDIR_LIKELY(x) __builtin_expect(!!(x), 1)
#define LEAKDIR_UNLIKELY(x) __builtin_expect(!!(x), 0)

// Cold code stands apart from the hot path, in a function of its own.
#define LEAKDIR_SLOW __attribute__((noinline, cold))

// The only names that a user's program can see: the malloc family and leakdir_*.
#define LEAKDIR_EXPORT extern "C" __attribute__((visibility("default"), used))

// A variable of ours in a header: without it the compiler takes it for one that another library may define, and asks a
// table for its address.
#define LEAKDIR_OURS __attribute__((visibility("hidden")))

namespace leakdir {

// What a hook knows of the function that called it: where it returns to, and its own frame (null where the fast walk
// has no use for it).
struct Caller {
  std::uintptr_t pc;
  const void* frame;
};
// Of a function or a return address, without the bit that tells 32-bit ARM to run it as Thumb code: it is no part of
// the address, and no unwinder shows it.
inline std::uintptr_t code_address(const void* code) {
#if defined(__arm__)
  return reinterpret_cast<std::uintptr_t>(code) & ~std::uintptr_t{1};
#else
  return reinterpret_cast<std::uintptr_t>(code);
#endif
}

// To be used in the hook itself: it makes it keep a frame pointer.
#define LEAKDIR_CALLER \
  (::leakdir::Caller{::leakdir::code_address(__builtin_return_address(0)), __builtin_frame_address(0)})

// Keeps the compiler from moving stores to this thread's state across: a signal handler of the same thread may look.
inline void signal_fence() { __asm__ volatile("" ::: "memory"); }

}  // namespace leakdir
