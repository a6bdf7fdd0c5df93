// SPDX-License-Identifier: BSL-1.0
//
// One frame of a walk: from its registers to its caller's. What walks of any kind are made of; the hot
// path itself takes these steps only for what it has not met before.
//
// Every step that is not beyond doubt ends in kCannot; then Boost looks at this stack.

#pragma once

#include <cstdint>

#include "fast_walk.hh"
#include "fast_walk_rule.hh"
#include "processor.hh"
#include "stack_words.hh"

namespace leakdir {

// What may be read in this walk: up to `end`; on the thread's own stack that is its top.
struct Readable {
  std::uintptr_t end;
  bool is_own_stack;
};

Readable readable_by_asking(StackReach& reach, std::uintptr_t thread, std::uintptr_t sp) noexcept;

// Whether `sp` is in the thread's own stack, and all from there up to reach.hi was found readable.
inline bool is_known_to_be_own_stack(const StackReach& reach, std::uintptr_t sp) noexcept {
  return sp >= reach.lo && sp < reach.hi && reach.thread == own_thread();
}

inline Readable readable_from(StackReach& reach, std::uintptr_t sp) noexcept {
  if (__builtin_expect(is_known_to_be_own_stack(reach, sp), 1)) return {reach.hi, true};
  return readable_by_asking(reach, own_thread(), sp);
}

struct Registers {
  std::uintptr_t sp;
  std::uintptr_t pc;
  std::uintptr_t bp;
};

// The rule of a return address, from the cache or from the tables. `start`: of the walk that comes there, where that
// may be on the way through libgcc's own search.
Rule rule_for(std::uintptr_t pc, const WalkStart* start = nullptr) noexcept;

// What a row of the tables comes to: rules_<how a call leaves the return address>.cc.
[[nodiscard]] Rule rule_of(const CfiRow& row) noexcept;

enum class Step { kNext, kEnd, kNoTable, kUnreadable, kCannot };

// From the frame of these registers, which has this rule, to its caller's.
[[nodiscard]] Step follow(Readable& readable, Rule rule, Registers* registers) noexcept;

// The beginning of the frame, for RuleKind::kThroughBp; 0 where that cannot be followed.
[[nodiscard]] std::uintptr_t cfa_through_bp(std::uintptr_t readable_end, const Registers& at,
                                            std::uintptr_t offset) noexcept;

}  // namespace leakdir
