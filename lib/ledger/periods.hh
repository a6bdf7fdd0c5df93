// SPDX-License-Identifier: BSL-1.0
//
// Sequence numbers, and the periods that say from when on a row's time counts (ledger::Period). Lock-free but for the
// beginning of a period, where a lock is only tried; any thread, signals, the helper.

#pragma once

#include <cstdint>

#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

// Of numbers that were handed out at once: they are higher than `after`, and the times of their blocks count from the
// ticks `start`.
struct Numbers {
  std::uint64_t after;
  std::uint64_t start;
};
// A new period begins if it is time for one. `now`: in ticks.
Numbers take_numbers(unsigned count, std::uint64_t now);

// What a thread has of numbers, in memory of leakdir's own: in the program's they would look like pointers where the
// heap lies low. All zero: nothing yet. A handler that interrupts the thread in a hook must not touch it.
struct NumberBatch {
  // What a block's row has in word 2 for the number that was used last, and for the last of all, with the thread; and
  // what it has of the thread in word 1.
  std::uint64_t number_word, end_number_word;
  std::uint64_t thread_in_word1;
  // From when on the times of the batch count, in ticks and by the counter of cycles, and for how many cycles; for none
  // where those are not used.
  std::uint64_t period_start, period_start_cycles, period_cycles;
  std::uint32_t epoch;  // in which it counts
};

std::uint64_t last_number();

// Which numbers were handed out before a fork, as the child's memory has it: the ledger, which is shared, goes on.
struct NumbersAtFork {
  std::uint64_t last;
  // Of batches that other threads had in hand: numbers that are higher than `after`, up to `last`, were not used yet.
  // Beyond so many threads a batch counts as used.
  struct Unused {
    std::uint64_t after, last;
  };
  static constexpr unsigned kMostUnused = 32;
  Unused unused[kMostUnused];
  unsigned unused_count;

  void leave_out(const NumberBatch& batch);
  bool has(std::uint64_t number) const;
};
// The highest number that this process or one that it was forked from has taken.
std::uint64_t highest_taken();

// How a row says `now`; where that is beyond its bits, the last that it can.
inline std::uint64_t time_in_period(std::uint64_t now, std::uint64_t start) {
  const auto time = static_cast<std::int64_t>(now - start);
  if (LEAKDIR_UNLIKELY(time < 0)) return 0;  // another processor's clock
  return LEAKDIR_LIKELY(now - start <= ledger::kMostTime) ? now - start : ledger::kMostTime;
}

// When the block was made, in ticks.
std::uint64_t ticks_of(const ledger::Block& block);

// In a forked child: numbers go on where the parent's end, in one of the periods that were copied from it.
void continue_numbers(const ledger::Header& parent);

}  // namespace leakdir
