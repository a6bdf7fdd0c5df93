// SPDX-License-Identifier: BSL-1.0
//
// The state of one thread, and the guard that tells a call of the program from a call that leakdir itself caused
// (the unwinder's first call allocates, so does dlsym) or that a signal handler made in the middle of a hook.
//
// Plain zero-initialised data: no constructor, no destructor, because frees go on after both. Only its own thread
// touches it, handlers of that thread included.

#pragma once

#include <cstdint>

#include "base.hh"

namespace leakdir {

struct ThreadScratch;  // scratch.hh
namespace ledger {
struct Thread;
}

// Where the macro hook says that the thread's next allocation stands (leakdir/trace.h).
struct Place {
  std::uint32_t file;    // its name in the ledger; 0: no place
  const void* frame;     // of the call that said so
  std::uint64_t factor;  // divides the size that is asked for; 0: not known
  std::uint32_t line;
  std::uint32_t call;  // ledger::Call
};

struct ThreadState {
  // How many hooks and guarded calls this thread is in, and in the highest bits what it has said of its next
  // allocations: one word that is usually 0, so that hooks ask one question.
  std::uint32_t busy;
  static constexpr std::uint32_t kHasPlace = std::uint32_t{1} << 31;
  static constexpr std::uint32_t kIgnores = std::uint32_t{1} << 30;
  static constexpr std::uint32_t kDryRun = std::uint32_t{1} << 29;  // frees are noted, not done: see libc_own.hh
  static constexpr std::uint32_t kRemarks = kHasPlace | kIgnores | kDryRun;
  // The hooks_epoch (process.hh) in which all that the usual path of a hook takes was at hand and up to date: the rows
  // below, scratch and what is kept in it, the memory for recent frees. 0: it was not.
  std::uint32_t settled;
  std::uint32_t generation;   // of the process (process.hh) that the rest belongs to: differs after fork
  std::uint16_t index;        // of its Thread in the ledger; 0: none to be had
  bool own_allocations;       // guarded: what is allocated now is leakdir's or libc's own
  ledger::Thread* row;        // its Thread in the ledger; null: none
  ThreadScratch* scratch;     // null: none to be had, the caller is all that is kept
  std::uint32_t ignoring;     // depth of leakdir_ignore_begin()
  std::uint64_t sample_left;  // bytes before the one that is drawn next (track/sampling.hh)
  std::uint64_t sample_seed;  // of the numbers that are drawn; 0: none has been
  Place places[2];            // the last first: an argument of the call may be an allocation itself. No file: none

  bool is_nested() const { return (busy & ~kRemarks) != 0; }
};

LEAKDIR_OURS extern __thread ThreadState thread_state;

// Everything allocated or freed by this thread meanwhile is leakdir's own doing. Nests.
class GuardedScope {
 public:
  GuardedScope() : before_(thread_state.own_allocations) {
    ++thread_state.busy;
    thread_state.own_allocations = true;
    signal_fence();
  }
  ~GuardedScope() {
    signal_fence();
    thread_state.own_allocations = before_;
    --thread_state.busy;
  }
  GuardedScope(const GuardedScope&) = delete;
  GuardedScope& operator=(const GuardedScope&) = delete;

 private:
  bool before_;
};

// Marks the thread as within a hook, so that what unwinds or touches per-thread data is not entered twice. Anything
// that does so takes `const ReentryGuard&`, though it never reads it.
class ReentryGuard {
 public:
  ReentryGuard() {
    ++thread_state.busy;
    signal_fence();
  }
  ~ReentryGuard() {
    signal_fence();
    --thread_state.busy;
  }
  ReentryGuard(const ReentryGuard&) = delete;
  ReentryGuard& operator=(const ReentryGuard&) = delete;
};

}  // namespace leakdir
