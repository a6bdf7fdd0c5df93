// SPDX-License-Identifier: BSL-1.0
//
// What is known of a whole stack without a walk. To be inlined into the hooks' own path; what it does not know,
// fast_walk() finds.

#pragma once

#include <cstdint>

#include "fast_walk.hh"
#include "stack_words.hh"
#include "system/base.hh"
#if defined(__x86_64__) || defined(LEAKDIR_HAS_LINK_REGISTER)
#include "step.hh"
#endif

namespace leakdir {

#if defined(__x86_64__) || defined(LEAKDIR_HAS_LINK_REGISTER)

// The stack that begins at `start`, if it is kept; null: nothing is known of it.
[[gnu::always_inline]] inline WholeStack* kept_whole_stack(FastWalkState& state, const WalkStart& start) noexcept {
  if (LEAKDIR_UNLIKELY(state.generation != g_walk_generation.load(std::memory_order_acquire))) return nullptr;
  // As is_known_to_be_own_stack(): that the stack pointer is below the top needs no question, as every stack that is
  // kept was, and is as deep.
  const StackReach& reach = state.reach;
  if (LEAKDIR_UNLIKELY(start.sp < reach.lo) || LEAKDIR_UNLIKELY(reach.thread != own_thread())) return nullptr;
  const std::uintptr_t depth = reach.hi - start.sp;
  std::uint64_t key = WholeStacks::first_key(start.pc, depth);
  WholeStack* stack = state.whole.find(start.pc, key);
  if (LEAKDIR_UNLIKELY(stack == nullptr)) return nullptr;
  if (stack->kind != WholeStack::Kind::kFromSp) {
    while (stack->kind == WholeStack::Kind::kFork) {
      key = WholeStacks::next_key(key, word_at(start.sp + stack->known));
      stack = state.whole.find(start.pc, key);
      if (LEAKDIR_UNLIKELY(stack == nullptr) || LEAKDIR_UNLIKELY(stack->depth != depth)) return nullptr;
    }
    if (stack->kind == WholeStack::Kind::kAtSp) {
      const WholeStack::Start& was = stack->start();
      if (LEAKDIR_UNLIKELY(was.sp != start.sp)) return nullptr;
      if (stack->uses_bp && LEAKDIR_UNLIKELY(was.bp != start.bp)) return nullptr;
    }
  }
  const bool is_same = words_hold(stack->words(), stack->places(), stack->checks, start.sp);
  return LEAKDIR_LIKELY(is_same) ? stack : nullptr;
}

// What the user of the walk has said of the stack that begins at `start`; 0: nothing, or it is another stack.
[[gnu::always_inline]] inline std::uint64_t known_whole_stack(FastWalkState& state, const WalkStart& start) noexcept {
  const WholeStack* const stack = kept_whole_stack(state, start);
  return LEAKDIR_LIKELY(stack != nullptr) ? stack->known : 0;
}

void learn_whole_stack(FastWalkState& state, const WalkStart& start, unsigned max, std::uint64_t known) noexcept;

// What the last walk, which was fast_walk(state, start, max) and did not decline, has found; not 0. Kept if it was said
// before, lately, and the walk is decided by what lies on the stack. `max` is always the same.
inline void whole_stack_is(FastWalkState& state, const WalkStart& start, unsigned max, std::uint64_t known) noexcept {
  if (LEAKDIR_UNLIKELY(state.whole.is_to_be_learnt(known ^ start.sp))) learn_whole_stack(state, start, max, known);
}

#else

inline std::uint64_t known_whole_stack(FastWalkState&, const WalkStart&) noexcept { return 0; }
inline void whole_stack_is(FastWalkState&, const WalkStart&, unsigned, std::uint64_t) noexcept {}

#endif

}  // namespace leakdir
