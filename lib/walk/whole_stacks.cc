// SPDX-License-Identifier: BSL-1.0
#include "whole_stacks.hh"

#include "stack_words.hh"

namespace leakdir {
namespace {

// The first word of the kept stack that is another here; preferably where this one has a return address, too, as what
// else lies on a stack changes more often. kept.checks: they are all the same.
unsigned first_difference(const WholeStack& kept, const WholeStackDraft& draft) {
  unsigned any = kept.checks;
  for (unsigned i = 0; i < kept.checks; ++i) {
    const WholeStackPlace place = kept.places()[i];
    if (word_at(at_place(draft.start.sp, place)) == kept.words()[i]) continue;
    for (unsigned j = 0; j < draft.stack.checks; ++j) {
      if (draft.places[j] == place) return i;
    }
    if (any == kept.checks) any = i;
  }
  return any;
}

// (No memcpy in a hook: the program may have one of its own.)
void copy_words(const void* to, const void* from, std::size_t bytes) {
  using Word [[gnu::may_alias]] = std::uint64_t;
  auto* into = static_cast<Word*>(const_cast<void*>(to));
  for (std::size_t i = 0; i < bytes / sizeof(Word); ++i) into[i] = static_cast<const Word*>(from)[i];
}

}  // namespace

// The slot of that key, or the one that is free for it.
std::uint16_t& WholeStacks::slot_for(std::uintptr_t pc, std::uint64_t key) noexcept {
  for (unsigned slot = slot_of(key);; slot = (slot + 1) % kSlots) {
    const WholeStack& stack = *stack_at(slots_[slot]);
    if (slots_[slot] == 0 || (stack.key == key && stack.pc == pc)) return slots_[slot];
  }
}

std::uint16_t WholeStacks::take(std::uint32_t units) noexcept {
  const std::uint32_t at = used_ == 0 ? kFirstUnit : used_;
  used_ = at + units;
  signal_fence();
  return static_cast<std::uint16_t>(at);
}

std::uint16_t WholeStacks::keep(const WholeStackDraft& draft) noexcept {
  const unsigned checks = draft.stack.checks;
  const std::uint16_t at = take(units(checks, draft.stack.kind));
  WholeStack& kept = *stack_at(at);
  kept = draft.stack;
  copy_words(kept.words(), draft.words, checks * sizeof draft.words[0]);
  copy_words(kept.places(), draft.places, checks * sizeof draft.places[0]);
  if (kept.kind == WholeStack::Kind::kAtSp) copy_words(&kept.start(), &draft.start, sizeof draft.start);
  return at;
}

void WholeStacks::put(std::uint16_t& slot, std::uint16_t at) noexcept {
  if (slot == 0) ++taken_slots_;
  signal_fence();
  slot = at;
}

// In the place of the stack in this slot comes a fork that leads to it.
void WholeStacks::make_fork(std::uint16_t& slot, unsigned which) noexcept {
  const std::uint16_t at = slot;
  WholeStack& old = *stack_at(at);
  const std::uint16_t at_fork = take(kForkUnits);
  WholeStack& fork = *stack_at(at_fork);
  fork = old;
  fork.kind = WholeStack::Kind::kFork;
  fork.known = old.places()[which];
  signal_fence();
  slot = at_fork;
  signal_fence();
  old.key = next_key(old.key, old.words()[which]);  // nothing leads to it now
  put(slot_for(old.pc, old.key), at);
}

LEAKDIR_SLOW void WholeStacks::add(WholeStackDraft& draft) noexcept {
  if (taken_slots_ + 2 > kMostStacks || used_ + kForkUnits + units(draft.stack.checks, draft.stack.kind) > kUnits)
    clear();
  std::uint64_t& key = draft.stack.key;
  key = first_key(draft.stack.pc, draft.stack.depth);
  for (unsigned forks = 0;;) {
    std::uint16_t& slot = slot_for(draft.stack.pc, key);
    if (slot == 0) return put(slot, keep(draft));
    const WholeStack& there = *stack_at(slot);
    if (there.kind != WholeStack::Kind::kFork) {
      const unsigned which = first_difference(there, draft);
      if (which == there.checks || forks == kMostForks) return put(slot, keep(draft));
      make_fork(slot, which);
    }
    ++forks;
    const auto place = static_cast<WholeStackPlace>(stack_at(slot)->known);
    key = next_key(key, word_at(at_place(draft.start.sp, place)));
  }
}

LEAKDIR_SLOW void WholeStacks::clear() noexcept {
  for (std::uint16_t& slot : slots_) slot = 0;
  signal_fence();
  taken_slots_ = 0;
  used_ = 0;
}

LEAKDIR_SLOW void WholeStacks::forget_seen() noexcept {
  for (std::uint64_t& word : seen_) word = 0;
  seen_count_ = 0;
}

}  // namespace leakdir
