// SPDX-License-Identifier: BSL-1.0
//
// Two tallies against each other, stack by stack. Pure; `diff` prints what comes out, `check` decides by it.

#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include "tally.hh"

namespace leakdir::tool {

enum class Fate { kNew, kGrown, kLost, kShrunk, kGone, kUnread, kSame };
inline bool is_worse(Fate fate) { return fate == Fate::kNew || fate == Fate::kGrown || fate == Fate::kLost; }

// One stack of two runs. It has grown when it has more blocks or more bytes; else, when more of its blocks are lost
// than before, that is its fate. Where the later run could not be read whole, what has fewer or is gone is unread.
struct Difference {
  Fate fate = Fate::kSame;
  const TallyStack* before = nullptr;  // null: it is new
  const TallyStack* after = nullptr;   // null: it is gone; never both
  std::int64_t blocks = 0, bytes = 0;  // after - before

  const TallyStack& stack() const {
    assert(after != nullptr || before != nullptr);
    return after != nullptr ? *after : *before;
  }
};

// For a later run whose ledger is damaged.
void take_less_for_unread(std::vector<Difference>& differences);

// Every stack of the two, what has grown by most bytes first. The stacks must be in order, and stay where they are.
std::vector<Difference> compare(const std::vector<TallyStack>& before, const std::vector<TallyStack>& after);

struct Changes {
  std::uint64_t stacks = 0;
  std::int64_t blocks = 0, bytes = 0;
};
Changes total_of(const std::vector<Difference>& differences, Fate fate);

}  // namespace leakdir::tool
