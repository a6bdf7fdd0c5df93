// SPDX-License-Identifier: BSL-1.0
//
// The state of this process that a forked child must not inherit: the phase that every hook asks for, the locks, the
// helper thread. It lies in a page that the kernel wipes in a child (MADV_WIPEONFORK), so a child, however it was made,
// reads phase kForked and free locks; a vfork child shares our memory and goes on as the parent, which is right. Where
// the kernel cannot wipe (before Linux 4.14), a fork handler does the same.
//
// Before start-up `process` points to a constant, so that the hot path asks no extra question.

#pragma once

#include <atomic>
#include <cstdint>

#include "base.hh"

namespace leakdir {

// The order matters: beyond kRecording, an allocation is nothing to us.
enum class Phase : std::uint32_t {
  kForked = 0,     // a child that has not allocated yet: the ledger is still the parent's
  kEarly = 1,      // before start-up: blocks are noted in a small table
  kSwitching = 2,  // a forked child that is making its own ledger
  kSampling = 3,   // recording, with the option `sample`: now and then a block (track/sampling.hh)
  kRecording = 4,  // every block
  kPaused = 5,     // allocations are not recorded, frees of recorded blocks are
  kOff = 6,        // enabled=0, or nothing can be recorded: forward, do nothing
};

struct Process {
  std::atomic<std::uint32_t> phase;  // Phase
  std::atomic<std::uint32_t> growth_lock;
  std::atomic<std::uint32_t> modules_lock;
  std::atomic<std::uint32_t> look_lock;
  std::atomic<std::uint32_t> period_lock;
  std::atomic<std::uint32_t> growth_hangs;  // somebody has waited for the growth under way, in vain

  // The helper thread; see helper.cc.
  std::atomic<std::uint32_t> helper_state;
  std::uint32_t helper_alive;  // the kernel clears it when the thread is gone
  std::uint32_t helper_wake;   // it sleeps on this word
  std::atomic<std::uint32_t> helper_idle;
  std::uint32_t helper_failures;  // how many helpers, one after the other, ended as soon as they had begun

  std::atomic<std::uint32_t> draws_its_own;  // sampling.cc: this process has left its parent's numbers
};

LEAKDIR_OURS extern Process early_process;
LEAKDIR_OURS extern Process* process;

inline Phase phase() { return static_cast<Phase>(process->phase.load(std::memory_order_relaxed)); }
inline void set_phase(Phase phase) {
  process->phase.store(static_cast<std::uint32_t>(phase), std::memory_order_release);
}

// What `recording` is in this process, by the option `sample`: kRecording or kSampling. Set at start.
LEAKDIR_OURS extern Phase recording_phase;
inline bool is_sampling() { return recording_phase == Phase::kSampling; }
inline bool is_recording(Phase phase) { return phase == recording_phase; }

// Whether there is one thread, and none can come but by a call of this one: by libc's own knowledge, which does not
// count threads that it did not make, such as the helper. False before start-up, and where libc does not know.
LEAKDIR_OURS extern const char* single_threaded;
inline bool is_single_threaded() { return __atomic_load_n(single_threaded, __ATOMIC_RELAXED) != 0; }

// The page, in phase kForked; null when it cannot be had.
Process* make_process_page();

// Which process the per-thread state belongs to: its pid, set at start and again in a forked child.
LEAKDIR_OURS extern std::uint32_t process_generation;

// Changes after anything that threads keep for their hooks' usual path is out of date: process_generation,
// sequence_epoch, free_rows_epoch, nodes_epoch. A thread that has kept up (ThreadState::settled) is asked for this one
// alone.
LEAKDIR_OURS extern std::atomic<std::uint32_t> hooks_epoch;
inline void hooks_are_outdated() { hooks_epoch.fetch_add(1, std::memory_order_seq_cst); }

// A lock that is only ever tried, a bounded number of times. A nested call, in a handler that interrupted who holds the
// lock, does not even try: the word is the holder's thread id.
class TryLock {
 public:
  static constexpr unsigned kTriesAtOnce = 2000;  // beyond these, each try waits for a millisecond
  TryLock(std::atomic<std::uint32_t>& word, unsigned tries);
  ~TryLock() {
    if (taken_) word_.store(0, std::memory_order_release);
  }
  TryLock(const TryLock&) = delete;
  TryLock& operator=(const TryLock&) = delete;
  bool taken() const { return taken_; }
  bool is_nested() const { return is_nested_; }  // the thread itself holds it

 private:
  std::atomic<std::uint32_t>& word_;
  bool taken_ = false, is_nested_ = false;
};

}  // namespace leakdir
