// SPDX-License-Identifier: BSL-1.0
//
// Whole stacks: what one thread remembers of those that it has met more than once.
//
// A walk is decided by where it starts and by the words of the stack that it reads: the return addresses, and where a
// frame is found by rbp what leads to that. Where a stack starts with the same return address, as far below the stack's
// top, and has the same words in the same places, the walk comes to the same: so many comparisons that do not wait for
// each other, and the user of the walk has what it said of that stack the last time. Which stack to compare with is
// found by a table. Where several start alike and are as deep, it has a fork in their place: the word that lies in a
// place where two of them differ leads on, to the one or the other or to another fork.
//
// How a stack is learnt: whole_stack.cc. How one is found: whole_stack.hh.
//
// Of one thread at a time, all zero at first, plain data. A handler may leave by longjmp at any instruction: what is
// being written counts only once it is whole.

#pragma once

#include <cstddef>
#include <cstdint>

#include "system/base.hh"

namespace leakdir {

// Places are in bytes, from the stack pointer at the start on: a frame may be as large as the stack.
using WholeStackPlace = std::uint32_t;

struct alignas(16) WholeStack {
  enum class Kind : std::uint8_t {
    kFromSp,  // it is the same wherever it lies
    kAtSp,    // only where it lay: its frame pointers lead to addresses
    kFork,    // none
  };
  // Of each frame its return address; where it is found by rbp, what that was; where it is found through rbp, what that
  // leads to.
  static constexpr unsigned kMostChecks = 3 * 128;

  std::uintptr_t pc;  // where it starts
  std::uint64_t key;
  std::uint64_t known;  // what the user of the walk has said; of a fork the place
  std::uint32_t depth;  // bytes from the start to the top
  Kind kind;
  bool uses_bp;          // kAtSp: rbp at the start has to be the same
  std::uint16_t checks;  // a multiple of kWordsAtOnce

  // Behind it lie the words that are to be there, where they are to be, and of kAtSp the registers at the start.
  struct Start {
    std::uintptr_t sp, bp;
  };
  const std::uintptr_t* words() const { return reinterpret_cast<const std::uintptr_t*>(this + 1); }
  const WholeStackPlace* places() const { return reinterpret_cast<const WholeStackPlace*>(words() + checks); }
  const Start& start() const { return *reinterpret_cast<const Start*>(places() + checks); }
  static constexpr std::size_t bytes(unsigned checks, Kind kind) {
    return sizeof(WholeStack) + checks * (sizeof(std::uintptr_t) + sizeof(WholeStackPlace)) +
           (kind == Kind::kAtSp ? sizeof(Start) : 0);
  }
};

// A whole stack that is being learnt.
struct WholeStackDraft {
  WholeStack stack;
  WholeStack::Start start;
  std::uintptr_t words[WholeStack::kMostChecks];
  alignas(std::uint64_t) WholeStackPlace places[WholeStack::kMostChecks];
};

class WholeStacks {
 public:
  static std::uint64_t first_key(std::uintptr_t pc, std::uintptr_t depth) { return (pc + turned(depth)) * kFactor; }
  static std::uint64_t next_key(std::uint64_t key, std::uintptr_t word) { return (key ^ word) * kFactor; }

  // Null where there is none.
  WholeStack* find(std::uintptr_t pc, std::uint64_t key) noexcept {
    for (unsigned slot = slot_of(key);; slot = (slot + 1) % kSlots) {
      const unsigned at = slots_[slot];
      WholeStack* const stack = stack_at(at);  // of 0 none that is of any start
      if (LEAKDIR_LIKELY(stack->key == key) && LEAKDIR_LIKELY(stack->pc == pc)) return stack;
      if (at == 0) return nullptr;
    }
  }

  // A stack was not known. Whether it is to be learnt: if it was met before, lately, as far as `name` tells, and not
  // too many of those that come are new.
  bool is_to_be_learnt(std::uint64_t name) noexcept {
    debt_ -= debt_ != 0 ? 1 : 0;
    const std::uint64_t mixed = name * kFactor;
    std::uint64_t& word = seen_[mixed >> (64 - kSeenBits)];
    const std::uint64_t bit = std::uint64_t{1} << (mixed >> (58 - kSeenBits) & 63);
    if ((word & bit) != 0) return debt_ <= kMostDebt;
    word |= bit;
    if (LEAKDIR_UNLIKELY(++seen_count_ == kMostSeen)) forget_seen();
    return false;
  }

  // What it takes to learn a stack is owed, whatever comes of it.
  void begin_to_learn() noexcept { debt_ += kWalksToLearn; }

  // The draft's key is set here. Takes the place of what was kept of the same start, if no word tells the two apart.
  void add(WholeStackDraft& draft) noexcept;

  void clear() noexcept;

 private:
  static constexpr unsigned kSlotBits = 11;
  static constexpr unsigned kSlots = 1 << kSlotBits;
  static constexpr unsigned kMostStacks = kSlots / 2;
  static constexpr unsigned kMostForks = 6;  // on the way to one stack
  static constexpr std::size_t kUnit = 16;
  static constexpr std::uint32_t kUnits = 19 << 10;
  static_assert(kUnits < 1 << 16);
  // To learn a stack takes as long as three walks. In the long run one of so many is followed by that.
  static constexpr std::uint32_t kWalksToLearn = 32;
  static constexpr std::uint32_t kMostDebt = kMostStacks * kWalksToLearn;
  static constexpr unsigned kSeenBits = 7;
  static constexpr unsigned kMostSeen = 1024;
  static constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15u;

  // With a return address in the low bits, no two depths are alike.
  static std::uintptr_t turned(std::uintptr_t depth) { return depth << 20 | depth >> (sizeof depth * 8 - 20); }
  static unsigned slot_of(std::uint64_t key) { return static_cast<unsigned>(key >> (64 - kSlotBits)); }
  WholeStack* stack_at(unsigned at) noexcept { return reinterpret_cast<WholeStack*>(memory_ + at * kUnit); }
  static constexpr std::uint32_t kForkUnits = sizeof(WholeStack) / kUnit;
  static constexpr std::uint32_t kFirstUnit = kForkUnits;  // what lies before is all zero
  static std::uint32_t units(unsigned checks, WholeStack::Kind kind) {
    return static_cast<std::uint32_t>((WholeStack::bytes(checks, kind) + kUnit - 1) / kUnit);
  }
  std::uint16_t& slot_for(std::uintptr_t pc, std::uint64_t key) noexcept;
  std::uint16_t take(std::uint32_t units) noexcept;
  std::uint16_t keep(const WholeStackDraft& draft) noexcept;
  void put(std::uint16_t& slot, std::uint16_t at) noexcept;
  void make_fork(std::uint16_t& slot, unsigned which) noexcept;
  void forget_seen() noexcept;

  std::uint32_t used_;  // units of memory_
  std::uint32_t taken_slots_;
  std::uint32_t debt_;
  std::uint32_t seen_count_;
  std::uint64_t seen_[1 << kSeenBits];  // a bit for each name that was met
  std::uint16_t slots_[kSlots];
  alignas(kUnit) unsigned char memory_[kUnits * kUnit];
};

}  // namespace leakdir
