// SPDX-License-Identifier: BSL-1.0
//
// Captures one stack with the fast walk and with Boost.Stacktrace, and stops the program with both when they differ.
//
// The scenario programs and the preloaded library call it, from any thread or handler. Boost must be primed (one
// capture at start) before it is called from inside malloc.

#pragma once

#include <cstdint>

#include "walk/fast_walk.hh"

namespace differential {

// Of the whole process, relaxed counts.
struct Counts {
  unsigned long compared;
  unsigned long declined;
  unsigned long frames;
  unsigned long reused_frames;
  unsigned long known_whole;  // stacks that were known without a walk
};
Counts counts() noexcept;

// Compares the stack that begins at `start`: with the thread's own state as the hooks would, with a new state, with
// depth limits, and without a walk where the whole stack is known. Calls from inside itself (Boost allocating, a
// signal) do nothing.
void compare_from(const leakdir::WalkStart& start) noexcept;

// From now on this thread's comparisons use `state`, as if another thread had left it; nullptr: its own again.
void compare_with_state(leakdir::FastWalkState* state) noexcept;

// Compares the stack of the function that calls this.
[[gnu::noinline]] void compare_here() noexcept;

}  // namespace differential
