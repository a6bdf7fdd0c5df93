// SPDX-License-Identifier: BSL-1.0
//
// The fast stack walk: the same frames as Boost.Stacktrace's, some fifty times cheaper, for the hooks.
//
// lib/ calls it from inside malloc and free, in any thread, in signal handlers, in forked children. It never
// allocates, takes no lock of the program's, holds no descriptor, leaves errno alone and needs less than 1 KiB of
// stack while it meets only return addresses that it has met before.
//
// How it works. The unwind tables say for each return address where the caller's frame begins and where rbp was saved.
// That answer is read once per address and kept (fast_walk_rule.hh, fast_walk_cfi.hh). Frames that were found by these
// rules are remembered, some in a row, with where on the stack they were found; where the stack holds the same, at
// whatever depth, they are compared and not looked up (run.hh). What may be read is known for each stack
// (fast_walk_reach.hh).
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

#include "run.hh"
#include "system/base.hh"
#include "whole_stacks.hh"

namespace leakdir {

inline constexpr unsigned kFastWalkMaxFrames = 128;

// The walk declines: capture this stack with Boost.
inline constexpr int kCannot = -1;

// The part of the thread's own stack that is known to be readable for as long as the thread lives, and which thread
// that is; see fast_walk_reach.hh.
struct StackReach {
  std::uintptr_t thread;
  std::uintptr_t lo;
  std::uintptr_t hi;
  std::uintptr_t foreign;
};

// Where the walk starts, the frame that called the hook: the hook's return address, the stack pointer as it will
// be after the return, and rbp as it will be then.
struct WalkStart {
  std::uintptr_t pc;
  std::uintptr_t sp;
  std::uintptr_t bp;
};

// Of one thread at a time, all zero at first, plain data, never copied or moved; when the thread has ended, another one
// may use it as it is. What the last walk found are frames of runs[0 .. run_count), innermost first, the first `used`
// of each and `run_frames` in all, and then plain[0 .. plain_count), of which no run could be made. The last run may
// have more frames than were asked for.
struct FastWalkState {
  Run* runs[kFastWalkMaxFrames];
  std::uint8_t used[kFastWalkMaxFrames];
  std::uintptr_t plain[kFastWalkMaxFrames];
  std::uint32_t run_count;
  std::uint32_t run_frames;
  std::uint32_t plain_count;
  std::uint32_t frames;    // of both, as many as were asked for
  bool truncated;          // the stack goes on beyond the last frame, or cannot be read there
  bool store_is_full;      // no more runs: the next walk begins anew
  std::uint32_t walks;     // that began with this state
  std::uint32_t followed;  // frames in all these that were followed by their rules
  // Where there are plain frames: the last frame of the walk, if there is no table for its code; else its pc is 0.
  WalkStart without_table;
  WalkStart start;  // of the last walk that had to learn
  StackReach reach;
  std::uintptr_t generation;
  RunDraft draft;
  WholeStackDraft whole_draft;
  RunStore store;  // this and the next fill from their beginnings on
  WholeStacks whole;
};

// The next walk with this state learns all anew. To be called when what `Run::memo` and `WholeStack::known` say is not
// true any more.
inline void fast_walk_forget_runs(FastWalkState& state) noexcept {
  state.store.clear();
  state.whole.clear();
}

// The start for a walk from the function that this is used in. It makes that function keep a frame pointer, which
// is all that it relies on.
[[gnu::always_inline]] inline WalkStart walk_start_here() noexcept {
#if defined(LEAKDIR_HAS_LINK_REGISTER)
  return {code_address(__builtin_return_address(0)), reinterpret_cast<std::uintptr_t>(LEAKDIR_FRAME_OF_CALLER),
          frame_pointer_saved_at(__builtin_frame_address(0))};
#else
  const auto* frame = static_cast<const std::uintptr_t*>(__builtin_frame_address(0));
  return {frame[1], reinterpret_cast<std::uintptr_t>(frame + 2), frame[0]};
#endif
}

// Finds the frames of the stack that begins at `start`, its own first: at most `max` of them, and never more than
// kFastWalkMaxFrames. Returns how many; they are in `state` until its next walk.
//
// Returns kCannot where the tables say something that a rule cannot hold, and on processors without a walk; nothing is
// known of the frames then.
[[nodiscard]] int fast_walk(FastWalkState& state, const WalkStart& start, unsigned max) noexcept;

// The return addresses of the last walk, if it did not decline: `most` at most, innermost first. Returns how many.
unsigned frames_of_walk(const FastWalkState& state, std::uintptr_t* out, unsigned most) noexcept;

// The return addresses of a run's frames.
inline std::uintptr_t frame_of_run(const Run& run, unsigned i) noexcept { return i == 0 ? run.pc : run.pcs()[i - 1]; }

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

// Code in [start, end) was unmapped or changed: what was learned about it, and every thread's runs, no longer hold.
// Costs some microseconds. Safe against walks in other threads. Of dlclose the walk learns by itself, from the next
// walk that starts in the dynamic loader: so the loader's allocations (its return address: is_loader in
// fast_walk_rule.hh) are to be walked, or this is to be called, also while others are not.
void fast_walk_forget(std::uintptr_t start, std::uintptr_t end) noexcept;

// From now on the unwind tables are not searched any more: walks over return addresses not met before decline.
void fast_walk_tables_gone() noexcept;

}  // namespace leakdir
