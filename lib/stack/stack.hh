// SPDX-License-Identifier: BSL-1.0
//
// The stack of this call, as a node of the ledger. The only part that unwinds.
//
// Safe before start-up and at exit of a plain -static program, where the unwinder aborts: then the caller is all there
// is. Never called inside free() on the ordinary path: libgcc frees while it holds the lock that the unwinder takes.

#pragma once

#include <atomic>
#include <cstdint>

#include "scratch.hh"
#include "shared/ledger.hh"
#include "shared/options.hh"
#include "stack_table.hh"
#include "system/base.hh"
#include "system/guard.hh"
#include "walk/whole_stack.hh"

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
  std::uint64_t word() const { return word_; }
  static Captured of_word(std::uint64_t word) {
    Captured captured(0, ledger::Call::kMalloc, 0);
    captured.word_ = word;
    return captured;
  }
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
Captured capture_caller_alone(ThreadScratch& scratch, Caller caller, ledger::Call call, const ReentryGuard&);

inline Captured capture_stack(ThreadState& thread, Caller caller, ledger::Call call, const ReentryGuard& guard) {
  const Way way = usual_way.load(std::memory_order_relaxed);
  if (LEAKDIR_UNLIKELY(thread.scratch == nullptr)) return capture_by_asking(thread, caller, call, guard);
  if (LEAKDIR_LIKELY(way == Way::kRuns)) return capture_runs(*thread.scratch, caller, call, guard);
  if (LEAKDIR_LIKELY(way == Way::kCaller)) return capture_caller_alone(*thread.scratch, caller, call, guard);
  return capture_by_asking(thread, caller, call, guard);
}

// What a thread has said of a whole stack (WholeStack::known): the word of Captured, and in bits that this has no use
// for the call that was given.
inline constexpr unsigned kGivenCallShift = 32;
inline constexpr std::uint64_t kGivenCall = std::uint64_t{0xff} << kGivenCallShift;
static_assert((ledger::block_word0(0, ledger::BlockState::kEmpty, ledger::Call::kNew, ~0u) & kGivenCall) == 0);

// What a thread knows of nodes counts as long as no module was unloaded.
void forget_known_nodes(ThreadScratch& scratch);
inline void keep_up_known_nodes(ThreadScratch& scratch) {
  if (LEAKDIR_UNLIKELY(scratch.nodes_epoch != stack_epoch())) forget_known_nodes(scratch);
}

inline WalkStart walk_start(Caller caller) { return {caller.pc(), caller.sp(), caller.bp()}; }

// The same without a walk, where the thread has met this very stack or caller, and knows all of it. Else stack() is 0.
// Of a thread that is settled. Calls nothing.
[[gnu::always_inline]] inline Captured capture_known(ThreadScratch& scratch, Caller caller, ledger::Call call) {
  const Way way = usual_way.load(std::memory_order_relaxed);
  if (LEAKDIR_LIKELY(way == Way::kRuns) && LEAKDIR_LIKELY(caller.has_frame())) {
    const std::uint64_t known = known_whole_stack(scratch.walk, walk_start(caller));
    const bool is_same_call = static_cast<std::uint8_t>(known >> kGivenCallShift) == static_cast<std::uint8_t>(call);
    return Captured::of_word(LEAKDIR_LIKELY(is_same_call) ? known & ~kGivenCall : 0);
  }
  if (LEAKDIR_LIKELY(way == Way::kCaller)) {
    const ThreadScratch::KnownNode& known = scratch.known_nodes[ThreadScratch::set_of_node(0, caller.pc())];
    if (LEAKDIR_LIKELY(known.key == caller.pc()) && LEAKDIR_LIKELY(known.parent == 0) &&
        LEAKDIR_LIKELY(static_cast<std::int32_t>(known.node) > 0)) {
      return {known.node, call, 0};
    }
  }
  return Captured::of_word(0);
}

// The stack begins with where the call stands in the source.
void add_place(Captured& captured, const Place& place);

// … and with what the size has that its row has no room for. False: there is no room elsewhere.
inline bool fits_in_row(std::size_t size) { return size <= ledger::kMostSizeInRow; }
bool add_size(Captured& captured, std::size_t size);
inline bool has_room_for_size(Captured& captured, std::size_t size) {
  return LEAKDIR_LIKELY(fits_in_row(size)) || add_size(captured, size);
}

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
