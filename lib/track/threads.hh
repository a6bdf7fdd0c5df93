// SPDX-License-Identifier: BSL-1.0
//
// What each thread has: its row in the ledger, its batch of sequence numbers, its scratch memory. Taken at a
// thread's first call; what an ended thread had is taken over by later ones, so that threads that come and go cost
// nothing.

#pragma once

#include <atomic>
#include <cstdint>

#include "ledger/periods.hh"
#include "shared/ledger.hh"
#include "system/base.hh"
#include "system/guard.hh"
#include "system/process.hh"

namespace leakdir {

// Makes the thread's state belong to this process. Once a thread, and once more in a forked child.
void enter_thread(ThreadState& thread, const ReentryGuard&);

// The same where need be, and what the thread keeps for its hooks is brought up to date.
void settle_thread(ThreadState& thread, const ReentryGuard&);

inline bool is_settled(const ThreadState& thread) {
  return thread.settled == hooks_epoch.load(std::memory_order_acquire);
}
inline void ensure_thread(ThreadState& thread, const ReentryGuard& guard) {
  if (LEAKDIR_UNLIKELY(!is_settled(thread))) settle_thread(thread, guard);
}

// The next sequence number. Numbers of one thread rise; numbers of different threads are handed out in batches, so they
// tell the order of blocks of one thread, and roughly that of all.
LEAKDIR_OURS extern std::atomic<std::uint32_t> sequence_epoch;  // changes where all batches end
inline std::uint64_t following_number(std::uint64_t number_word) {
  return number_word + (std::uint64_t{1} << ledger::kSequenceShift);
}

// What a row says of when and by whom its block was made: all of the words 1 and 2 but stack and size.
struct Birth {
  std::uint64_t word1, word2;
};
Birth next_birth(ThreadState& thread);
// The same without a batch, for nested calls.
Birth single_birth(const ThreadState& thread);
// Numbers handed out after this call are higher than what it returns: all batches that are under way end.
std::uint64_t mark_sequence();

// The thread's calls, counted in its row.
inline void count_allocation(const ThreadState& thread) {
  if (LEAKDIR_LIKELY(thread.row != nullptr)) ++thread.row->allocations;
}
inline void count_free(const ThreadState& thread) {
  if (LEAKDIR_LIKELY(thread.row != nullptr)) ++thread.row->frees;
}

// For a forked child, before it has taken any of its own.
NumbersAtFork numbers_at_fork();
// For a forked child: its one thread is the only one.
void forget_threads();

}  // namespace leakdir
