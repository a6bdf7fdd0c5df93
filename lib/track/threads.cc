// SPDX-License-Identifier: BSL-1.0
#include "threads.hh"

#include <sys/mman.h>

#include <atomic>

#include "files/helper.hh"
#include "ledger/clock.hh"
#include "ledger/free_rows.hh"
#include "ledger/ledger_file.hh"
#include "ledger/periods.hh"
#include "ledger/recent_frees.hh"
#include "stack/scratch.hh"
#include "stack/stack.hh"
#include "stack/stack_table.hh"
#include "system/own_memory.hh"
#include "system/probe_table.hh"
#include "system/sys.hh"

namespace leakdir {

std::atomic<std::uint32_t> sequence_epoch{1};

namespace {

constexpr std::uint32_t kMostThreads = 1u << ledger::kThreadBits;  // beyond that, rows of ended threads are used again
constexpr std::uint64_t kBatch = 64;

// In a row the time of a block lies as it does in cycles: see add_at_once() in tracker.cc.
static_assert(CycleClock::kShift == ledger::kTimeShift);
constexpr std::uint64_t kPeriodCycles = ledger::kMostTime << CycleClock::kShift;

// Scratch memory by owner. A slot is free when its owner is 0 or has ended.
constexpr unsigned kScratchSlots = 8192;
LEAKDIR_LARGE std::atomic<std::uint32_t> scratch_owner[kScratchSlots];
LEAKDIR_LARGE ThreadScratch* scratch_memory[kScratchSlots];
std::atomic<std::uint32_t> scratch_slots{0};  // that have been handed out once

// What ended threads had is searched for at random. In a fixed order, the tries would meet the same long-lived threads
// again and again, and each thread that comes and goes would leave something behind. With this many tries there are at
// most some three times as many slots as threads at a time, however many came and went.
constexpr unsigned kTries = 16;

std::uint32_t anywhere_below(std::uint32_t end) {
  static std::atomic<std::uint32_t> asked{0};
  return static_cast<std::uint32_t>(mix(asked.fetch_add(1, std::memory_order_relaxed) + 1) % end);
}

std::uint32_t used_slots() {
  // Threads that come at once may have counted on beyond the last.
  const std::uint32_t counted = scratch_slots.load(std::memory_order_relaxed);
  return counted < kScratchSlots ? counted : kScratchSlots;
}

bool take_slot(std::uint32_t slot, std::uint32_t tid, int pid) {
  std::uint32_t owner = scratch_owner[slot].load(std::memory_order_relaxed);
  if (owner == 0 || (owner != tid && sys::thread_is_alive(pid, static_cast<int>(owner)))) return false;
  return scratch_owner[slot].compare_exchange_strong(owner, tid, std::memory_order_acquire);
}

ThreadScratch* take_scratch(std::uint32_t tid, int pid) {
  const std::uint32_t slots = used_slots();
  for (unsigned i = 0; i < kTries && slots != 0; ++i) {
    const std::uint32_t slot = anywhere_below(slots);
    if (take_slot(slot, tid, pid)) return scratch_memory[slot];
  }
  const std::uint32_t slot =
      slots < kScratchSlots ? scratch_slots.fetch_add(1, std::memory_order_relaxed) : kScratchSlots;
  if (slot >= kScratchSlots) return nullptr;
  if (scratch_memory[slot] == nullptr) {
    scratch_memory[slot] = static_cast<ThreadScratch*>(sys::map_private(sizeof(ThreadScratch)));
    memory_is_own(scratch_memory[slot], sizeof(ThreadScratch));
  }
  scratch_owner[slot].store(tid, std::memory_order_release);
  return scratch_memory[slot];
}

// A thread may have ended, by a longjmp or a cancellation, in the middle of a hook.
void forget_last_call(ThreadScratch& scratch) { scratch.record.tail_bytes = 0; }

// What the first calls write to. Made one by one, most of these pages would cost two faults each, when they are read
// and when they are written to: that takes longer than to have the kernel make all of them at once, with some that
// nobody needs.
void make_first_pages(ThreadScratch& scratch) {
  constexpr std::size_t kOfStore = 6 << 10, kOfWhole = 10 << 10;
  constexpr std::uintptr_t kPage = 4096;
  const auto make = [](void* from, const void* to) {
    const std::uintptr_t start = reinterpret_cast<std::uintptr_t>(from) & ~(kPage - 1);
    sys::make_pages(reinterpret_cast<void*>(start), reinterpret_cast<std::uintptr_t>(to) - start);
  };
  make(&scratch, reinterpret_cast<char*>(&scratch.walk.store) + kOfStore);
  make(&scratch.walk.whole, reinterpret_cast<char*>(&scratch.walk.whole) + kOfWhole);
}

// In a forked child: another thread of the parent may have been writing it while it was copied, page by page. To let
// the kernel take the pages away spares the child copies of what it does not use. (It refuses where memory is locked,
// and old emulators do nothing.)
void forget_parent(ThreadScratch& scratch) {
  const bool is_taken_away = sys::advise(&scratch, sizeof scratch, MADV_DONTNEED) == 0;
  if (is_taken_away) make_first_pages(scratch);
  if (is_taken_away && __atomic_load_n(&scratch.generation, __ATOMIC_RELAXED) == 0) return;
  scratch.walk.reach = {};
  fast_walk_forget_runs(scratch.walk);
  for (ThreadScratch::KnownNode& node : scratch.known_nodes) node.key = 0;
  scratch.free_rows.epoch = 0;
  forget_last_call(scratch);
  for (LeafCache::Known& leaf : scratch.leaves.known) leaf = {};
}

std::uint32_t take_thread_row(std::uint32_t tid, int pid) {
  if (ledger_file.used(ledger::Kind::kThreads) < kMostThreads) {
    const std::uint32_t index = ledger_file.take(ledger::Kind::kThreads, 1);
    if (index < kMostThreads) return index;  // else others came at once
  }
  for (unsigned i = 0; i < kTries; ++i) {
    const std::uint32_t index = 1 + anywhere_below(kMostThreads - 1);
    ledger::Thread& row = *ledger_file.thread(index);
    std::uint32_t owner = __atomic_load_n(&row.tid, __ATOMIC_RELAXED);
    if (owner != tid && sys::thread_is_alive(pid, static_cast<int>(owner))) continue;
    if (!__atomic_compare_exchange_n(&row.tid, &owner, tid, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) continue;
    __atomic_store_n(&row.after, last_number(), __ATOMIC_RELEASE);
    return index;
  }
  return 0;
}

}  // namespace

LEAKDIR_SLOW void enter_thread(ThreadState& thread, const ReentryGuard&) {
  thread.settled = 0;
  const int pid = sys::pid();
  if (static_cast<std::uint32_t>(pid) != process_generation) {
    // A vfork child: its memory is the parent's, and it cannot tell which of the parent's threads are alive.
    thread.index = 0;
    thread.row = nullptr;
    thread.scratch = nullptr;
    return;
  }
  const auto tid = static_cast<std::uint32_t>(sys::tid());
  const std::uint32_t index = take_thread_row(tid, pid);
  thread.scratch = take_scratch(tid, pid);
  if (thread.scratch != nullptr) {
    const std::uint32_t generation = thread.scratch->generation;
    if (generation == process_generation) {
      forget_last_call(*thread.scratch);
    } else if (generation != 0) {
      forget_parent(*thread.scratch);
    }
    if (generation != process_generation) {
      thread.scratch->nodes_epoch = stack_epoch();  // it knows no node
      thread.scratch->generation = process_generation;
    }
    thread.scratch->leaves.prepare();
    thread.scratch->numbers = {};
  }
  if (index != 0) {
    ledger::Thread& row = *ledger_file.thread(index);
    row.tid = tid;
    sys::thread_name(row.name);
  }
  signal_fence();  // a handler that allocates refers to a row that is there
  thread.index = static_cast<std::uint16_t>(index);
  thread.row = index != 0 ? ledger_file.thread(index) : nullptr;
  thread.generation = process_generation;
}

LEAKDIR_SLOW void settle_thread(ThreadState& thread, const ReentryGuard& guard) {
  // Asked for first: what changes from here on changes it again.
  const std::uint32_t epoch = hooks_epoch.load(std::memory_order_acquire);
  if (thread.generation != process_generation) enter_thread(thread, guard);
  ThreadScratch* const scratch = thread.scratch;
  if (scratch == nullptr || thread.row == nullptr || recent_frees == nullptr) return;  // never on the usual path
  NumberBatch& numbers = scratch->numbers;
  if (numbers.epoch != sequence_epoch.load(std::memory_order_relaxed)) numbers.number_word = numbers.end_number_word;
  keep_up_free_rows(scratch->free_rows);
  keep_up_known_nodes(*scratch);
  signal_fence();
  if (thread.generation == process_generation) thread.settled = epoch;
}

namespace {

// Without a helper, this is where the program sees that the tool wants something: once in a batch is often enough.
LEAKDIR_SLOW void take_batch(NumberBatch& batch, std::uint32_t thread, std::uint64_t now) {
  const std::uint32_t epoch = sequence_epoch.load(std::memory_order_relaxed);
  const Numbers numbers = take_numbers(kBatch, now);
  batch.number_word = ledger::block_word2(numbers.after, thread, 0);
  batch.end_number_word = ledger::block_word2(numbers.after + kBatch, thread, 0);
  batch.thread_in_word1 = ledger::thread_in_word1(thread);
  batch.period_start = numbers.start;
  batch.period_start_cycles = cycle_clock.start + (numbers.start << CycleClock::kShift);
  batch.period_cycles = cycle_clock.is_used ? kPeriodCycles : 0;
  batch.epoch = epoch;
  if (tool_is_waiting()) helper_is_needed();
}

}  // namespace

LEAKDIR_SLOW Birth next_birth(ThreadState& thread) {
  if (thread.scratch == nullptr) {
    if (tool_is_waiting()) helper_is_needed();
    return single_birth(thread);
  }
  NumberBatch& batch = thread.scratch->numbers;
  const std::uint64_t now = now_ticks();
  if (batch.number_word == batch.end_number_word || now - batch.period_start > ledger::kMostTime ||
      batch.epoch != sequence_epoch.load(std::memory_order_relaxed)) {
    take_batch(batch, thread.index, now);
  }
  const std::uint64_t time = time_in_period(now, batch.period_start);
  batch.number_word = following_number(batch.number_word);
  return {ledger::block_word1(0, time, thread.index), batch.number_word};
}

Birth single_birth(const ThreadState& thread) {
  const std::uint64_t now = now_ticks();
  const Numbers numbers = take_numbers(1, now);
  return {ledger::block_word1(0, time_in_period(now, numbers.start), thread.index),
          ledger::block_word2(numbers.after + 1, thread.index, 0)};
}

std::uint64_t mark_sequence() {
  sequence_epoch.fetch_add(1, std::memory_order_seq_cst);
  hooks_are_outdated();
  return last_number();
}

NumbersAtFork numbers_at_fork() {
  NumbersAtFork numbers = {};
  numbers.last = highest_taken();
  const std::uint32_t slots = used_slots();
  for (std::uint32_t i = 0; i < slots; ++i) {
    const ThreadScratch* const scratch = scratch_memory[i];
    if (scratch != nullptr && scratch->generation == process_generation) numbers.leave_out(scratch->numbers);
  }
  return numbers;
}

void forget_threads() {
  const std::uint32_t slots = used_slots();
  for (std::uint32_t i = 0; i < slots; ++i) scratch_owner[i].store(0, std::memory_order_relaxed);
  scratch_slots.store(0, std::memory_order_relaxed);
}

}  // namespace leakdir
