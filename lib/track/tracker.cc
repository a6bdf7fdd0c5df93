// SPDX-License-Identifier: BSL-1.0
#include "tracker.hh"

#include <atomic>

#include "bad_free.hh"
#include "entry/lifecycle.hh"
#include "files/render.hh"
#include "files/writer.hh"
#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "stack/stack.hh"
#include "stack/stack_table.hh"
#include "system/allocator.hh"
#include "system/guard.hh"
#include "system/sys.hh"
#include "threads.hh"

namespace leakdir {
namespace {

using ledger::Call;

std::uint64_t min_size = 0;

std::uint64_t address_of(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

// ---- Before start-up ----

struct EarlyBlock {
  std::atomic<std::uint64_t> address;
  std::uint64_t size;
  std::uintptr_t caller;
  Call call;
};
constexpr unsigned kEarlyBlocks = 128;
EarlyBlock early_blocks[kEarlyBlocks];
std::atomic<unsigned> early_count{0};

LEAKDIR_SLOW void note_early(const void* block, std::size_t size, Call call, Caller caller) {
  const unsigned i = early_count.fetch_add(1, std::memory_order_relaxed);
  if (i >= kEarlyBlocks) return some_blocks_are_unknown();
  early_blocks[i].size = size;
  early_blocks[i].caller = caller.pc;
  early_blocks[i].call = call;
  early_blocks[i].address.store(address_of(block), std::memory_order_release);
}

LEAKDIR_SLOW void forget_early(const void* block) {
  for (EarlyBlock& early : early_blocks) {
    if (early.address.load(std::memory_order_relaxed) == address_of(block)) early.address.store(0);
  }
}

// ---- Live blocks ----

// A block that passes by: to free it is no error.
void pass_unrecorded(const void* block) {
  some_blocks_are_unknown();
  forget_free(address_of(block));
}

LEAKDIR_SLOW void pass_small(const void* block) {
  __atomic_fetch_add(&ledger_file.header()->unrecorded, 1, __ATOMIC_RELAXED);
  pass_unrecorded(block);
}

// The index had another block in this place: it must have gone in a way that passed by the hooks.
LEAKDIR_SLOW void forget_replaced(std::uint32_t index, ThreadScratch* scratch) {
  const TakenBlock taken = take_replaced_block(index);
  if (taken.index != 0) block_is_gone(taken, scratch);
}

// In the middle of a hook, or of something that leakdir caused: the caller is all that may be asked for.
LEAKDIR_SLOW void record_nested(const void* block, std::size_t size, Call call, Caller caller,
                                const ThreadState& thread) {
  const Captured captured = capture_caller(caller.pc, call);
  const unsigned own = thread.own_allocations ? ledger::kFlagLibc : 0;
  const NewBlock live = {address_of(block), size,         single_sequence(), now_ticks(),
                         captured.stack,    thread.index, captured.call,     captured.flags | own};
  const AddedBlock added = add_live_block(live, nullptr);
  if (added.index == 0) return pass_unrecorded(block);
  if (added.replaced != 0) forget_replaced(added.replaced, nullptr);
}

void count_allocation(const ThreadState& thread) {
  if (LEAKDIR_LIKELY(thread.index != 0)) ++ledger_file.thread(thread.index)->allocations;
}

void count_free(const ThreadState& thread) {
  if (LEAKDIR_LIKELY(thread.index != 0)) ++ledger_file.thread(thread.index)->frees;
}

// What the thread has said of the allocation, if anything.
struct Remarks {
  Place place;
  unsigned flags;
};

inline void record(const void* block, std::size_t size, Call call, Caller caller, ThreadState& thread,
                   const Remarks* remarks, const ReentryGuard& guard) {
  ensure_thread(thread, guard);
  count_allocation(thread);
  Captured captured = capture_stack(thread, caller, call, guard);
  if (remarks != nullptr) {
    captured.flags |= remarks->flags;
    if (remarks->place.file != 0) add_place(captured, remarks->place);
  }
  if (LEAKDIR_UNLIKELY(captured.stack == 0)) {
    __atomic_fetch_add(&ledger_file.header()->dropped_stacks, 1, __ATOMIC_RELAXED);
  }
  const NewBlock live = {address_of(block), size,         next_sequence(thread), now_ticks(),
                         captured.stack,    thread.index, captured.call,         captured.flags};
  const AddedBlock added = add_live_block(live, thread.scratch);
  if (LEAKDIR_UNLIKELY(added.index == 0)) return pass_unrecorded(block);
  if (LEAKDIR_UNLIKELY(added.replaced != 0)) forget_replaced(added.replaced, thread.scratch);
  if (is_listed(captured.flags)) block_became_live(added.index, thread, guard);
}

// Is it this allocation that the macro hook spoke of? A function that only has the name of one of the malloc family may
// have been called meanwhile, and have allocated nothing or something else.
bool is_meant(const Place& place, std::size_t size, Call call, Caller caller) {
  constexpr std::uintptr_t kArguments = 128;  // that a caller may have pushed
  // A compiler makes malloc of realloc(NULL, n), and calloc of malloc and memset; operator new calls malloc or does
  // not.
  const auto kind = [](std::uint32_t which) {
    const bool is_malloc =
        which <= static_cast<std::uint32_t>(Call::kReallocarray) || which == static_cast<std::uint32_t>(Call::kNew);
    return is_malloc ? static_cast<std::uint32_t>(Call::kMalloc) : which;
  };
  if (place.file == 0 || kind(place.call) != kind(static_cast<std::uint32_t>(call))) return false;
  if (place.factor != 0 && size % place.factor != 0) return false;
  return reinterpret_cast<std::uintptr_t>(caller.frame) <= reinterpret_cast<std::uintptr_t>(place.frame) + kArguments;
}

// Takes what was said of this allocation out of what the thread has said; no file: nothing was.
Place take_place(ThreadState& thread, std::size_t size, Call call, Caller caller) {
  Place* const last = thread.places;
  Place* const meant = is_meant(last[0], size, call, caller) ? last : last + 1;
  if (!is_meant(*meant, size, call, caller)) return {};
  const Place place = *meant;
  if (meant == last) last[0] = last[1];
  last[1].file = 0;
  if (last[0].file == 0) thread.busy &= ~ThreadState::kHasPlace;
  return place;
}

LEAKDIR_SLOW void record_with_remarks(const void* block, std::size_t size, Call call, Caller caller,
                                      ThreadState& thread) {
  const unsigned flags = (thread.busy & ThreadState::kIgnores) != 0 ? ledger::kFlagIgnored : 0u;
  const Remarks remarks = {take_place(thread, size, call, caller), flags};
  const ReentryGuard guard(thread);
  record(block, size, call, caller, thread, &remarks, guard);
}

// In a forked child that has threads by now: another one makes the ledger. A block of this moment is not to be missed,
// and one that is freed now not to be taken over. Not in a handler that interrupted that very thread.
LEAKDIR_SLOW void wait_for_ledger() {
  constexpr unsigned kTries = 2000;
  for (unsigned i = 0; i < kTries && phase() == Phase::kSwitching && !thread_state.is_nested(); ++i) {
    sys::sleep_for(1000000);
  }
}

// Phases in which allocations are not simply recorded. True: it shall be recorded after all.
LEAKDIR_SLOW bool allocated_in_other_phase(const void* block, std::size_t size, Call call, Caller caller) {
  switch (phase()) {
    case Phase::kEarly:
      if (start_at_first_call(caller)) return phase() == Phase::kRecording;
      note_early(block, size, call, caller);
      return false;
    case Phase::kForked:
      if (start_in_child()) return true;
      if (phase() == Phase::kForked) pass_unrecorded(block);
      if (phase() != Phase::kSwitching) return false;
      [[fallthrough]];
    case Phase::kSwitching:
      wait_for_ledger();
      if (phase() == Phase::kSwitching) pass_unrecorded(block);
      return phase() == Phase::kRecording;
    case Phase::kPaused:
    case Phase::kOff:
      return false;
    case Phase::kRecording:
      return true;
  }
  return false;
}

// libc frees what it keeps, in the dry run: it is marked and stays.
LEAKDIR_SLOW void mark_own(const void* block) {
  const std::uint32_t index = find_live_block(address_of(block));
  if (index == 0) return;
  const std::uint64_t word0 = __atomic_load_n(&ledger_file.block(index)->word[0], __ATOMIC_ACQUIRE);
  set_block_flags(index, word0, ledger::kFlagLibc, 0);
}

// While paused: not recorded, and nothing to be said about it.
bool is_unknown(const void* block) {
  return find_live_block(address_of(block)) == 0 && address_of(block) % allocator::kAlignment == 0;
}

// Phases in which the ledger does not take the free as usual. True: hand it on to glibc and do nothing else.
LEAKDIR_SLOW bool freed_in_other_phase(const void* block) {
  switch (phase()) {
    case Phase::kEarly:
      forget_early(block);
      return true;
    case Phase::kSwitching:
      wait_for_ledger();
      if (phase() != Phase::kSwitching)
        return phase() == Phase::kOff || (phase() == Phase::kPaused && is_unknown(block));
      [[fallthrough]];
    case Phase::kForked:
      forget_inherited_block(address_of(block));
      return true;
    case Phase::kOff:
      return true;
    case Phase::kPaused:
      return is_unknown(block);
    case Phase::kRecording:
      return false;
  }
  return true;
}

bool is_usual(Phase now) { return now == Phase::kRecording; }

// Not while paused: the address may be handed out again unseen, and recording go on before it is freed.
void remember(const TakenBlock& gone, Caller caller) {
  if (LEAKDIR_UNLIKELY(!is_usual(phase()))) return;
  remember_free(ledger::block_address(gone.was.word[0]),
                {ledger::block_stack(gone.was.word[2], gone.was.word[3]), caller.pc});
}

}  // namespace

void block_allocated(void* block, std::size_t size, Call call, Caller caller) {
  if (LEAKDIR_UNLIKELY(!is_usual(phase())) && !allocated_in_other_phase(block, size, call, caller)) return;
  ThreadState& thread = thread_state;
  if (LEAKDIR_UNLIKELY(size < min_size)) {
    if (!thread.is_nested()) take_place(thread, size, call, caller);
    return pass_small(block);
  }
  if (LEAKDIR_UNLIKELY(thread.busy != 0)) {
    return thread.is_nested() ? record_nested(block, size, call, caller, thread)
                              : record_with_remarks(block, size, call, caller, thread);
  }
  const ReentryGuard guard(thread);
  record(block, size, call, caller, thread, nullptr, guard);
}

void allocation_failed(std::size_t size, Call call, Caller caller) {
  ThreadState& thread = thread_state;
  if (!thread.is_nested()) take_place(thread, size, call, caller);
}

void block_passes_by(const void* block) {
  if (phase() == Phase::kRecording) pass_unrecorded(block);
}

bool block_freed(void* block, Caller caller) {
  ThreadState& thread = thread_state;
  if (LEAKDIR_UNLIKELY(thread.dry_run)) {  // paused or not: nothing is freed
    mark_own(block);
    return false;
  }
  if (LEAKDIR_UNLIKELY(!is_usual(phase())) && freed_in_other_phase(block)) return true;
  const std::uint64_t address = address_of(block);
  const bool nested = thread.is_nested();
  const ReentryGuard guard(thread);
  if (LEAKDIR_LIKELY(!nested)) {
    ensure_thread(thread, guard);
    count_free(thread);
  }
  const TakenBlock taken = take_live_block(address);
  if (LEAKDIR_LIKELY(taken.index != 0)) {
    remember(taken, caller);
    block_is_gone(taken, nested ? nullptr : thread.scratch);
    return true;
  }
  return nested || !is_bad_free(address, false, caller, thread, guard);
}

SetAside begin_resize(void* block, Caller caller) {
  if (LEAKDIR_UNLIKELY(!is_usual(phase())) && freed_in_other_phase(block)) return {};
  ThreadState& thread = thread_state;
  const std::uint64_t address = address_of(block);
  const bool nested = thread.is_nested();
  const ReentryGuard guard(thread);
  if (LEAKDIR_LIKELY(!nested)) ensure_thread(thread, guard);
  const TakenBlock taken = block_is_set_aside(take_live_block(address));
  if (LEAKDIR_LIKELY(taken.index != 0)) {
    remember(taken, caller);  // now: when realloc returns, the address may be another thread's
    return {true, false, taken.index, taken.was};
  }
  return {false, !nested && is_bad_free(address, true, caller, thread, guard), 0, {}};
}

void finish_resize(const SetAside& old, void* block, std::size_t size, Call call, Caller caller) {
  if (old.recorded) {
    ThreadState& thread = thread_state;
    const bool nested = thread.is_nested();
    const ReentryGuard guard(thread);
    if (ledger::block_address(old.was.word[0]) == address_of(block)) forget_free(address_of(block));
    block_is_gone({old.index, old.was}, nested ? nullptr : thread.scratch);
  }
  if (block != nullptr) block_allocated(block, size, call, caller);
}

void undo_resize(const SetAside& old) {
  if (!old.recorded) return;
  ThreadState& thread = thread_state;
  const bool nested = thread.is_nested();
  const ReentryGuard guard(thread);
  forget_free(ledger::block_address(old.was.word[0]));
  put_back_live_block({old.index, old.was});
  if (!nested && is_listed(ledger::block_flags(old.was.word[0])) &&
      (ledger::block_flags(old.was.word[0]) & ledger::kFlagFiled) == 0) {
    block_became_live(old.index, thread, guard);
  }
}

void configure_tracker(const Options& options) { min_size = options.min_size; }

void import_early_blocks() {
  ThreadState& thread = thread_state;
  const ReentryGuard guard(thread);
  ensure_thread(thread, guard);
  const unsigned count = early_count.load(std::memory_order_acquire);
  for (unsigned i = 0; i < count && i < kEarlyBlocks; ++i) {
    const EarlyBlock& early = early_blocks[i];
    const std::uint64_t address = early.address.load(std::memory_order_acquire);
    if (address == 0) continue;
    count_allocation(thread);
    const Captured captured = capture_caller(early.caller, early.call);
    const NewBlock live = {address,
                           early.size,
                           next_sequence(thread),
                           0,
                           captured.stack,
                           thread.index,
                           early.call,
                           captured.flags | ledger::kFlagLibc};
    if (add_live_block(live, thread.scratch).index == 0) some_blocks_are_unknown();
  }
}

void inherit_block(const ledger::Block& block) {
  ThreadState& thread = thread_state;
  const unsigned flags = (ledger::block_flags(block.word[0]) | ledger::kFlagInherited) & ~ledger::kFlagFiled;
  // Freed by the parent since: its record still knows all but the time, the call and the early flag.
  const bool has_time = ledger::block_state(block.word[0]) == ledger::BlockState::kLive;
  const NewBlock live = {ledger::block_address(block.word[0]),
                         ledger::low48(block.word[1]),
                         ledger::low48(block.word[2]),
                         has_time ? ledger::low48(block.word[3]) : now_ticks(),
                         ledger::block_stack(block.word[2], block.word[3]),
                         static_cast<std::uint16_t>(ledger::high16(block.word[1])),
                         static_cast<Call>(ledger::block_call(block.word[0])),
                         flags};
  if (add_live_block(live, thread.scratch).index == 0) some_blocks_are_unknown();
}

void place_of_next_block(const char* file, Place place) {
  ThreadState& thread = thread_state;
  if (thread.is_nested()) return;
  const ReentryGuard guard(thread);
  place.file = text_of_file(file);  // now: the library that has the name may be unloaded before it is wanted
  thread.places[1] = thread.places[0];
  thread.places[0] = place;
  thread.busy |= ThreadState::kHasPlace;
}

void ignore_from_now_on() {
  ThreadState& thread = thread_state;
  if (thread.ignoring++ == 0) thread.busy |= ThreadState::kIgnores;
}

void end_ignoring() {
  ThreadState& thread = thread_state;
  if (thread.ignoring != 0 && --thread.ignoring == 0) thread.busy &= ~ThreadState::kIgnores;
}

std::uint64_t mark_sequence() { return end_sequence_batches(); }

}  // namespace leakdir
