// SPDX-License-Identifier: BSL-1.0
//
// The stack of this call, as a node of the ledger. The only part that unwinds.
//
// Safe before start-up and at exit of a plain -static program, where the unwinder aborts: then the caller is all there
// is. Never called inside free() on the ordinary path: libgcc frees while it holds the lock that the unwinder takes.

#pragma once

#include <atomic>
#include <cstdint>

#include "shared/ledger.hh"
#include "shared/options.hh"
#include "system/base.hh"
#include "system/guard.hh"

namespace leakdir {

// In one word, as it is made and taken apart with each block: the stack, and what word 0 of the block's row says of
// call and flags, in its place there.
class Captured {
 public:
  Captured(std::uint32_t stack, ledger::Call call, unsigned flags)
      : word_(stack | ledger::block_word0(0, ledger::BlockState::kEmpty, call, flags)) {}
  // Node of the innermost frame of the user's; 0: no room.
  std::uint32_t stack() const { return static_cast<std::uint32_t>(word_); }
  // As given, or operator new where that called us.
  ledger::Call call() const { return static_cast<ledger::Call>(ledger::block_call(word_)); }
  // Of the block: kFlagEarly, kFlagTruncated, kFlagLibc.
  unsigned flags() const { return ledger::block_flags(word_); }
  std::uint64_t call_and_flags() const { return word_ & ~std::uint64_t{UINT32_MAX}; }
  void set_stack(std::uint32_t stack) { word_ = call_and_flags() | stack; }
  void add_flags(unsigned flags) { word_ |= ledger::flag_bits(flags); }
  void remove_flags(unsigned flags) { word_ &= ~ledger::flag_bits(flags); }

 private:
  std::uint64_t word_;
};

// `thread.scratch` may be null.
Captured capture_by_asking(ThreadState& thread, Caller caller, ledger::Call call, const ReentryGuard&);

// How, decided once: as the options say, where nothing has to be asked before.
enum class Way : unsigned { kAsk, kCaller, kRuns };
LEAKDIR_OURS extern std::atomic<Way> usual_way;
Captured capture_runs(ThreadScratch& scratch, Caller caller, ledger::Call call, const ReentryGuard&);
Captured capture_known_caller(ThreadScratch& scratch, Caller caller, ledger::Call call, const ReentryGuard&);

inline Captured capture_stack(ThreadState& thread, Caller caller, ledger::Call call, const ReentryGuard& guard) {
  const Way way = usual_way.load(std::memory_order_relaxed);
  if (LEAKDIR_UNLIKELY(thread.scratch == nullptr)) return capture_by_asking(thread, caller, call, guard);
  if (LEAKDIR_LIKELY(way == Way::kRuns)) return capture_runs(*thread.scratch, caller, call, guard);
  if (LEAKDIR_LIKELY(way == Way::kCaller)) return capture_known_caller(*thread.scratch, caller, call, guard);
  return capture_by_asking(thread, caller, call, guard);
}

// The stack begins with where the call stands in the source.
void add_place(Captured& captured, const Place& place);

// The caller alone, with nothing asked of the unwinder or the loader.
Captured capture_caller(std::uintptr_t caller, ledger::Call call);

// Makes the first unwind, which may allocate. At start; a program whose tables are not there yet is tried again by
// capture_stack.
void prime_unwinder(const ReentryGuard&);

// At start of a plain -static program, whose tables the linker has not sorted.
void prepare_static_capture();

// How to capture, from the options.
void configure_capture(Unwind unwind, unsigned depth);

// Exit has begun: a plain -static program may take its tables back from libgcc at any time.
void capture_is_ending();

}  // namespace leakdir
