// SPDX-License-Identifier: BSL-1.0
//
// The few words that every part of the object uses. Includes nothing of ours.

#pragma once

#include <atomic>
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

// A large table that is zeros at first. All of them lie behind the small variables, which share a few pages then: those
// of them that a forked child writes to are copied page by page.
#define LEAKDIR_LARGE __attribute__((section(".bss.leakdir_large")))

// Whether a call leaves the return address in a register, on a processor that has a fast walk.
#if defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64)
#define LEAKDIR_HAS_LINK_REGISTER 1
#endif

// Where the frame of the function's caller begins: its stack pointer after the return. On riscv64 the frame pointer is
// there, by the processor's ABI; on arm64 a compiler puts the two words that it points to wherever in the frame it
// likes. (clang's __builtin_dwarf_cfa gives the frame pointer.)
#if defined(__riscv)
#define LEAKDIR_FRAME_OF_CALLER (__builtin_frame_address(0))
#elif defined(__clang__)
#define LEAKDIR_FRAME_OF_CALLER (__builtin_sponentry())
#else
#define LEAKDIR_FRAME_OF_CALLER (__builtin_dwarf_cfa())
#endif

// What Caller::frame() is of a function that is called as a hook is.
#if defined(LEAKDIR_HAS_LINK_REGISTER)
#define LEAKDIR_OWN_FRAME (LEAKDIR_FRAME_OF_CALLER)
#else
#define LEAKDIR_OWN_FRAME (__builtin_frame_address(0))
#endif

namespace leakdir {

// The address of a function, or a return address, without the bit that tells 32-bit ARM to run it as Thumb code: it is
// no part of the address, and no unwinder shows it.
inline std::uintptr_t code_address(const void* code) {
#if defined(__arm__)
  return reinterpret_cast<std::uintptr_t>(code) & ~std::uintptr_t{1};
#else
  return reinterpret_cast<std::uintptr_t>(code);
#endif
}

// The caller's frame pointer, of a function whose own is `frame`.
inline std::uintptr_t frame_pointer_saved_at(const void* frame) {
#if defined(__riscv)
  return static_cast<const std::uintptr_t*>(frame)[-2];
#else
  return *static_cast<const std::uintptr_t*>(frame);
#endif
}

// What a hook knows of the function that called it: where it returns to and, for the fast walk, the stack pointer and
// the frame pointer as they will be then. To be made in the hook itself, by LEAKDIR_CALLER: it makes it keep a frame
// pointer.
//
// Nothing is left to be read in the hook's own frame: a compiler may let it go before what the hook hands over to
// begins, where that is the last that the hook does. The return address alone stays in its place until somebody returns
// to it.
//
// With a link register the return address has no place of its own: it is part of this, and all three are handed on by
// reference.
class Caller {
 public:
  [[gnu::always_inline]] static Caller of_hook(const void* frame, const void* return_address) {
#if defined(__x86_64__)
    (void)return_address;
    return Caller(frame, frame_pointer_saved_at(frame));
#elif defined(LEAKDIR_HAS_LINK_REGISTER)
    return Caller(LEAKDIR_FRAME_OF_CALLER, code_address(return_address), frame_pointer_saved_at(frame));
#else
    return Caller(frame, code_address(return_address));
#endif
  }
  // Known by its return address alone, which is to stay in `held` as long as the caller is asked for it. No walk can
  // begin there.
  struct Held {
    std::uintptr_t bp, pc;
  };
  static Caller by_address(const Held& held) {
#if defined(__x86_64__)
    return Caller(&held, kNoFrame);
#elif defined(LEAKDIR_HAS_LINK_REGISTER)
    return Caller(&held, held.pc, kNoFrame);
#else
    return Caller(&held, held.pc);
#endif
  }

#if defined(__x86_64__)
  // A program that has this very number in rbp has its stack captured with Boost, which is no harm.
  bool has_frame() const { return word_ != kNoFrame; }
  std::uintptr_t pc() const { return static_cast<const std::uintptr_t*>(frame_)[1]; }
  std::uintptr_t sp() const { return frame() + 2 * sizeof(std::uintptr_t); }
  std::uintptr_t bp() const { return word_; }
#elif defined(LEAKDIR_HAS_LINK_REGISTER)
  bool has_frame() const { return word_ != kNoFrame; }
  std::uintptr_t pc() const { return pc_; }
  std::uintptr_t sp() const { return frame(); }
  std::uintptr_t bp() const { return word_; }
#else
  bool has_frame() const { return false; }  // there is no fast walk
  std::uintptr_t pc() const { return word_; }
  std::uintptr_t sp() const { return 0; }
  std::uintptr_t bp() const { return 0; }
#endif
  // Where the hook's frame is, or was, or ends: to be compared with those of other calls.
  std::uintptr_t frame() const { return reinterpret_cast<std::uintptr_t>(frame_); }

 private:
  // No address, and no number that a program would have in rbp: a small one is met as a counter.
  static constexpr auto kNoFrame = static_cast<std::uintptr_t>(0x9e3779b97f4a7c15u);
#if defined(LEAKDIR_HAS_LINK_REGISTER)
  Caller(const void* frame, std::uintptr_t pc, std::uintptr_t word) : frame_(frame), pc_(pc), word_(word) {}
#else
  Caller(const void* frame, std::uintptr_t word) : frame_(frame), word_(word) {}
#endif
  const void* frame_;
#if defined(LEAKDIR_HAS_LINK_REGISTER)
  std::uintptr_t pc_;
#endif
  std::uintptr_t word_;
};
#define LEAKDIR_CALLER (::leakdir::Caller::of_hook(__builtin_frame_address(0), __builtin_return_address(0)))

// A bool that threads exchange. As wide as a word that every processor exchanges by itself: for one byte gcc asks
// libatomic on RISC-V, and no program of ours is linked with it.
using ExchangedBool = std::atomic<std::uint32_t>;

// Keeps the compiler from moving stores to this thread's state across: a signal handler of the same thread may look.
inline void signal_fence() { __asm__ volatile("" ::: "memory"); }

}  // namespace leakdir
