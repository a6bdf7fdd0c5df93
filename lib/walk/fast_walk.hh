// SPDX-License-Identifier: BSL-1.0
//
// The fast stack walk: the same frames as Boost.Stacktrace's, some fifty times cheaper, for the hooks.
//
// lib/ calls it from inside malloc and free, in any thread, in signal handlers, in forked children. It never
// allocates, takes no lock of the program's, holds no descriptor, leaves errno alone and needs less than 1 KiB of
// stack while it meets only return addresses that it has met before.
//
// How it works. The unwind tables say for each return address where the caller's frame begins and where rbp was saved.
// That answer is read once per address and kept (fast_walk_rule.hh, fast_walk_cfi.hh). Beside that, each thread keeps
// its previous walk; where the stack still holds what it held, the rest of the previous walk is the rest of this one.
// What may be read is known for each stack (fast_walk_reach.hh).
//
// What it asks of the caller:
//  - no use of one FastWalkState by two walks at a time: a hook that a signal interrupts must not walk again with it.
//    A walk that a handler leaves by longjmp does no harm;
//  - in a plain static program without an index of the tables (fde_index.hh): no call before they are registered (the
//    object's constructor has run), and fast_walk_tables_gone() before they are deregistered (exit);
//  - fast_walk_forget() when code was unmapped.
//
// A search of the tables, for an address not met before, takes no lock where find_fde.hh says so.

#pragma once

#include <cstdint>

namespace leakdir {

inline constexpr unsigned kFastWalkMaxFrames = 128;

// The walk declines: capture this stack with Boost.
inline constexpr int kCannot = -1;

// One frame: the stack pointer and rbp as they are in it, once its callee has returned to pc. `bp_slot` is where
// its caller's rbp was saved.
struct WalkFrame {
  std::uintptr_t sp;
  std::uintptr_t pc;
  std::uintptr_t bp;
  std::uintptr_t bp_slot;
};

// The part of the thread's own stack that is known to be readable for as long as the thread lives, and which thread
// that is; see fast_walk_reach.hh.
struct StackReach {
  std::uintptr_t thread;
  std::uintptr_t lo;
  std::uintptr_t hi;
  std::uintptr_t foreign;
};

// What a walk read beside the return address and rbp: the word that holds the beginning of the frame at `sp`,
// in functions that align their stack by more than the ABI does.
struct CfaSlot {
  std::uintptr_t sp;
  std::uintptr_t slot;
  std::uintptr_t cfa;
};
inline constexpr unsigned kMaxCfaSlots = 4;

// Where the walk starts, the frame that called the hook: the hook's return address, the stack pointer as it will
// be after the return, and rbp as it will be then.
struct WalkStart {
  std::uintptr_t pc;
  std::uintptr_t sp;
  std::uintptr_t bp;
};

// Of one thread at a time, all zero at first, plain data, never copied or moved; when the thread has ended, another one
// may use it as it is. The previous walk is frames[current][begin .. end), innermost first; end 0: there is none. New
// frames are put before it, or, when there is no room or nothing of it holds, into the other array.
inline constexpr unsigned kFastWalkRoom = 32;
struct FastWalkState {
  WalkFrame frames[2][kFastWalkRoom + kFastWalkMaxFrames + 1];  // the last: behind a walk, while it is compared
  CfaSlot cfa_slots[kMaxCfaSlots];
  CfaSlot fresh_cfa_slots[kMaxCfaSlots];
  std::uint32_t cfa_slot_count;
  std::uint32_t current;
  std::uint32_t begin;
  std::uint32_t end;
  bool complete;  // the last frame is the outermost of the stack, by its table
  // Where `complete` is false: the last frame of the walk, if there is no table for its code; else its pc is 0.
  WalkStart without_table;
  StackReach reach;
  std::uintptr_t generation;
};

// The next walk with this state takes over nothing of the previous one.
inline void fast_walk_forget_previous(FastWalkState& state) noexcept { state.end = 0; }

// The start for a walk from the function that this is used in. It makes that function keep a frame pointer, which
// is all that it relies on.
[[gnu::always_inline]] inline WalkStart walk_start_here() noexcept {
  const auto* frame = static_cast<const std::uintptr_t*>(__builtin_frame_address(0));
  return {frame[1], reinterpret_cast<std::uintptr_t>(frame + 2), frame[0]};
}

// Fills out[0 .. result) with the return addresses, innermost first: out[0] is start.pc. At most `max` of them, and
// never more than kFastWalkMaxFrames.
//
// *reused: that many of the outermost ones are, frame for frame up to the outermost, what the last call with this state
// that did not decline returned; so a chain of ids given from the outermost frame inwards holds for them.
//
// *truncated: the stack goes on beyond the last frame given, or cannot be read there.
//
// Returns kCannot where the tables say something that a rule cannot hold, and on processors without a walk; nothing is
// known of out, *reused and *truncated then, and the previous walk is kept.
[[nodiscard]] int fast_walk(FastWalkState& state, const WalkStart& start, std::uintptr_t* out, unsigned max,
                            unsigned* reused, bool* truncated) noexcept;

// Whether there is a walk for this processor that does without tables.
#if defined(__x86_64__)
inline constexpr bool kWalksWithoutTables = true;
#else
inline constexpr bool kWalksWithoutTables = false;
#endif

// For code that was made at run time: goes on from a frame without a table by its frame pointer, and from there by
// tables again where there are some. Fills out[0 .. result) with the return addresses beyond that frame, at most `max`
// of them.
//
// A frame pointer may be any number, so nothing is believed that does not fit together: each frame lies above the one
// before, within the stack; each return address stands behind a call that does not say that it leads elsewhere, or in
// made code as its callee; the frame pointer cannot be that of a function with a table further out; and unless the
// whole comes to a frame that is the outermost by its table, there is no frame at all.
//
// *truncated: the stack goes on beyond the last frame, and be it `from`. Without tables a frame that no call led to is
// taken for the outermost one.
[[nodiscard]] unsigned walk_by_frame_pointer(FastWalkState& state, const WalkStart& from, std::uintptr_t* out,
                                             unsigned max, bool* truncated) noexcept;

// Code in [start, end) was unmapped or changed: what was learned about it, and every thread's previous walk, no longer
// holds. Costs some microseconds. Safe against walks in other threads. Of dlclose the walk learns by itself, from the
// next walk that starts in the dynamic loader: so the loader's allocations (its return address: is_loader in
// fast_walk_rule.hh) are to be walked, or this is to be called, also while others are not.
void fast_walk_forget(std::uintptr_t start, std::uintptr_t end) noexcept;

// From now on the unwind tables are not searched any more: walks over return addresses not met before decline.
void fast_walk_tables_gone() noexcept;

}  // namespace leakdir
