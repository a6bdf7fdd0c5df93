// SPDX-License-Identifier: BSL-1.0
#include "threads.hh"

#include <atomic>

#include "files/helper.hh"
#include "ledger/ledger_file.hh"
#include "stack/scratch.hh"
#include "system/probe_table.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr std::uint32_t kMostThreads = 16384;  // records; beyond that, records of ended threads are used again
constexpr std::uint64_t kBatch = 64;

std::atomic<std::uint32_t> sequence_epoch{1};

// Scratch memory by owner. A place is free when its owner is 0 or has ended.
constexpr unsigned kScratchPlaces = 8192;
std::atomic<std::uint32_t> scratch_owner[kScratchPlaces];
ThreadScratch* scratch_memory[kScratchPlaces];
std::atomic<std::uint32_t> scratch_places{0};  // that have been handed out once

// Where to look for what ended threads had: anywhere. In any order of their own, the tries would meet the same threads
// that live long again and again, and each thread that comes and goes would leave something behind. With this many
// tries there are at most some three times as many places as threads at a time, whatever the number that came and went.
constexpr unsigned kTries = 16;

std::uint32_t anywhere_below(std::uint32_t end) {
  static std::atomic<std::uint32_t> asked{0};
  return static_cast<std::uint32_t>(mix(asked.fetch_add(1, std::memory_order_relaxed) + 1) % end);
}

bool take_place(std::uint32_t place, std::uint32_t tid, int pid) {
  std::uint32_t owner = scratch_owner[place].load(std::memory_order_relaxed);
  if (owner == 0 || (owner != tid && sys::thread_is_alive(pid, static_cast<int>(owner)))) return false;
  return scratch_owner[place].compare_exchange_strong(owner, tid, std::memory_order_acquire);
}

ThreadScratch* take_scratch(std::uint32_t tid, int pid) {
  // Threads that come at once may have counted on beyond the last.
  const std::uint32_t counted = scratch_places.load(std::memory_order_relaxed);
  const std::uint32_t places = counted < kScratchPlaces ? counted : kScratchPlaces;
  for (unsigned i = 0; i < kTries && places != 0; ++i) {
    const std::uint32_t place = anywhere_below(places);
    if (take_place(place, tid, pid)) return scratch_memory[place];
  }
  const std::uint32_t place =
      places < kScratchPlaces ? scratch_places.fetch_add(1, std::memory_order_relaxed) : kScratchPlaces;
  if (place >= kScratchPlaces) return nullptr;
  if (scratch_memory[place] == nullptr) {
    scratch_memory[place] = static_cast<ThreadScratch*>(sys::map_private(sizeof(ThreadScratch)));
  }
  scratch_owner[place].store(tid, std::memory_order_release);
  return scratch_memory[place];
}

// A thread may have ended, by a longjmp or a cancellation, in the middle of a hook.
void forget_last_call(ThreadScratch& scratch) {
  fast_walk_forget_previous(scratch.walk);
  scratch.nodes_known = 0;
  scratch.record.tail_bytes = 0;
}

// In a forked child: another thread of the parent may have been writing it while it was copied, page by page.
void forget_parent(ThreadScratch& scratch) {
  scratch.walk.reach = {};
  for (ThreadScratch::KnownNode& node : scratch.known_nodes) node.pc = 0;
  scratch.free_rows.epoch = 0;
  scratch.generation = process_generation;
}

std::uint32_t take_thread_record(std::uint32_t tid, int pid) {
  if (ledger_file.used(ledger::Kind::kThreads) < kMostThreads) return ledger_file.take(ledger::Kind::kThreads, 1);
  for (unsigned i = 0; i < kTries; ++i) {
    const std::uint32_t index = 1 + anywhere_below(ledger_file.used(ledger::Kind::kThreads) - 1);
    const std::uint32_t owner = ledger_file.thread(index)->tid;
    if (owner == tid || !sys::thread_is_alive(pid, static_cast<int>(owner))) return index;
  }
  return 0;
}

// Once in a batch is also often enough to look whether the tool wants something of a program without a helper.
LEAKDIR_SLOW void take_batch(ThreadState& thread, std::uint32_t epoch) {
  thread.next_sequence = __atomic_fetch_add(&ledger_file.header()->sequence, kBatch, __ATOMIC_RELAXED);
  thread.end_sequence = thread.next_sequence + kBatch;
  thread.sequence_epoch = epoch;
  if (tool_is_waiting()) helper_is_needed();
}

}  // namespace

LEAKDIR_SLOW void enter_thread(ThreadState& thread, const ReentryGuard&) {
  const int pid = sys::pid();
  if (static_cast<std::uint32_t>(pid) != process_generation) {
    // A vfork child: its memory is the parent's, and it cannot tell which of the parent's threads are alive.
    thread.index = 0;
    thread.scratch = nullptr;
    return;
  }
  const auto tid = static_cast<std::uint32_t>(sys::tid());
  const std::uint32_t index = take_thread_record(tid, pid);
  thread.next_sequence = thread.end_sequence = 0;
  thread.scratch = take_scratch(tid, pid);
  if (thread.scratch != nullptr) {
    forget_last_call(*thread.scratch);
    if (thread.scratch->generation != process_generation) forget_parent(*thread.scratch);
  }
  if (index != 0) {
    ledger::Thread& record = *ledger_file.thread(index);
    record.tid = tid;
    sys::thread_name(record.name);
  }
  signal_fence();  // a handler that allocates refers to a record that is there
  thread.index = static_cast<std::uint16_t>(index);
  thread.generation = process_generation;
}

std::uint64_t next_sequence(ThreadState& thread) {
  const std::uint32_t epoch = sequence_epoch.load(std::memory_order_relaxed);
  if (LEAKDIR_UNLIKELY(thread.next_sequence == thread.end_sequence || thread.sequence_epoch != epoch)) {
    take_batch(thread, epoch);
  }
  return ++thread.next_sequence;
}

std::uint64_t single_sequence() { return __atomic_add_fetch(&ledger_file.header()->sequence, 1, __ATOMIC_RELAXED); }

std::uint64_t mark_sequence() {
  sequence_epoch.fetch_add(1, std::memory_order_seq_cst);
  return __atomic_load_n(&ledger_file.header()->sequence, __ATOMIC_SEQ_CST);
}

void forget_threads() {
  for (std::atomic<std::uint32_t>& owner : scratch_owner) {
    if (owner.load(std::memory_order_relaxed) != 0) owner.store(0, std::memory_order_relaxed);
  }
  scratch_places.store(0, std::memory_order_relaxed);
}

}  // namespace leakdir
