// SPDX-License-Identifier: BSL-1.0
#include "tracker.hh"

#include "bad_free.hh"
#include "bypass.hh"
#include "files/live_list.hh"
#include "files/writer.hh"
#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_hot.hh"
#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "libc_own.hh"
#include "new_block.hh"
#include "next_block.hh"
#include "other_phases.hh"
#include "sampling.hh"
#include "stack/scratch.hh"
#include "stack/stack.hh"
#include "system/allocator.hh"
#include "system/guard.hh"
#include "threads.hh"

namespace leakdir {
namespace {

using ledger::Call;

std::uint64_t min_size = 0;

std::uint64_t address_of(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

LEAKDIR_SLOW void pass_small(const void* block) {
  __atomic_fetch_add(&ledger_file.header()->unrecorded, 1, __ATOMIC_RELAXED);
  block_is_unknown(address_of(block));
}

// The index had another block at this address: it was freed in a way that the hooks did not see.
LEAKDIR_SLOW void forget_replaced(std::uint32_t row, FreeRows* free_rows) {
  const TakenBlock taken = take_replaced_block(row);
  if (taken.row == 0) return;
  // (Other allocators free some of their first blocks by themselves.)
  if (phase() == Phase::kRecording && allocator::is_glibc()) note_unseen_block();
  block_is_gone(taken, free_rows);
}

// In the middle of a hook, or of something that leakdir caused: the caller is all that may be asked for.
LEAKDIR_SLOW void record_nested(const void* block, std::size_t size, Call call, Caller caller,
                                const ThreadState& thread) {
  Captured captured = capture_caller(caller.pc(), call);
  if (thread.own_allocations) captured.add_flags(ledger::kFlagLibc);
  const AddedBlock added =
      has_room_for_size(captured, size)
          ? add_live_block(new_block(address_of(block), size, captured, single_birth(thread)), nullptr)
          : block_not_added();
  if (added.row == 0) return block_is_unknown(address_of(block));
  if (added.replaced != 0) forget_replaced(added.replaced, nullptr);
}

LEAKDIR_SLOW void note_remarks(Captured& captured, const Remarks& remarks) {
  captured.add_flags(remarks.flags);
  if (remarks.place.file != 0) add_place(captured, remarks.place);
}

LEAKDIR_SLOW void count_dropped_stack() {
  __atomic_fetch_add(&ledger_file.header()->dropped_stacks, 1, __ATOMIC_RELAXED);
}

// The block becomes live, whatever has to be done for it.
[[gnu::always_inline]] inline void add(std::uint64_t address, std::size_t size, Captured captured, ThreadState& thread,
                                       const ReentryGuard& guard) {
  ThreadScratch* const scratch = thread.scratch;
  const bool has_room = has_room_for_size(captured, size);
  const NewBlock live = new_block(address, size, captured, next_birth(thread));
  AddressMap::Cell* const cell = LEAKDIR_LIKELY(scratch != nullptr) ? live_index.find_or_make(scratch->leaves, address)
                                                                    : live_index.find_or_make(address);
  const AddedBlock added = has_room ? add_block(live, cell, free_rows_of(scratch)) : block_not_added();
  if (LEAKDIR_UNLIKELY(added.row == 0)) return block_is_unknown(address);
  if (LEAKDIR_UNLIKELY(added.replaced != 0)) forget_replaced(added.replaced, free_rows_of(scratch));
  block_became_live(added.row, captured.flags(), thread, guard);
}

[[gnu::always_inline]] inline void record(const void* block, std::size_t size, Call call, Caller caller,
                                          ThreadState& thread, const Remarks* remarks, const ReentryGuard& guard) {
  ensure_thread(thread, guard);
  count_allocation(thread);
  Captured captured = capture_stack(thread, caller, call, guard);
  if (remarks != nullptr) note_remarks(captured, *remarks);
  if (LEAKDIR_UNLIKELY(captured.stack() == 0)) count_dropped_stack();
  add(address_of(block), size, captured, thread, guard);
}

void* record_anew(void* block, std::size_t size, Call call, Caller caller);

LEAKDIR_SLOW void record_with_remarks(const void* block, std::size_t size, Call call, Caller caller,
                                      ThreadState& thread) {
  const Remarks remarks = take_remarks(thread, size, call, caller);
  const ReentryGuard guard;
  record(block, size, call, caller, thread, &remarks, guard);
}

bool is_usual(Phase now) { return is_recording(now); }

// Not while paused, and not of a sample: the address may be handed out again unseen.
void remember(std::uint64_t address, const TakenBlock& gone, Caller caller) {
  if (LEAKDIR_LIKELY(phase() == Phase::kRecording)) remember_free(address, caller.pc(), gone.was.word[1]);
}

LEAKDIR_SLOW bool take_or_judge(void* block, Caller caller) {
  ThreadState& thread = thread_state;
  const std::uint64_t address = address_of(block);
  const bool nested = thread.is_nested();
  const ReentryGuard guard;
  if (!nested) {
    ensure_thread(thread, guard);
    count_free(thread);
  }
  const TakenBlock taken = take_live_block(address);
  if (taken.row != 0) {
    remember(address, taken, caller);
    block_is_gone(taken, nested ? nullptr : free_rows_of(thread.scratch));
    return true;
  }
  return nested || !is_bad_free(address, false, caller, thread, guard);
}

// Whether it is to be handed on to the allocator: it is no bad free.
bool is_handed_on(void* block, Caller caller) {
  if (!is_usual(phase()) && is_only_handed_on(block)) return true;
  return take_or_judge(block, caller);
}

// Paused or not.
LEAKDIR_SLOW bool is_handed_on_for_libc(void* block, Caller caller) {
  if (!is_freed_after_all(address_of(block))) return false;
  ThreadState& thread = thread_state;
  thread.busy &= ~ThreadState::kDryRun;
  const bool result = is_handed_on(block, caller);
  thread.busy |= ThreadState::kDryRun;
  return result;
}

// The row is out of the index and marked, and there is more to do than to use it again.
LEAKDIR_SLOW void give_up_and_free(void* block, std::uint32_t row, ThreadScratch& scratch) {
  {
    const ReentryGuard guard;
    block_is_gone(take_marked_block(row), &scratch.free_rows);
  }
  allocator::free(block);
}

// They must not be taken for the next block's.
void drop_remarks(ThreadState& thread, std::size_t size, Call call, Caller caller) {
  if (!thread.is_nested()) take_remarks(thread, size, call, caller);
}

// Of a process that samples: whether the block is due.
bool is_due(ThreadState& thread, std::size_t size, Phase now) {
  if (now != Phase::kSampling) draw_as_a_child(thread);  // in a forked child that has no ledger yet
  return is_drawn(thread, size) && size >= min_size;
}

}  // namespace

LEAKDIR_SLOW void* block_allocated_otherwise(void* block, std::size_t size, Call call, Caller caller) {
  ThreadState& thread = thread_state;
  const Phase now = phase();
  if (block == nullptr) {
    if (now == Phase::kSampling) is_drawn(thread, size);  // what is drawn next is no nearer for it
    drop_remarks(thread, size, call, caller);
    return block;
  }
  if (is_sampling() && now < Phase::kPaused && now != Phase::kEarly && !is_due(thread, size, now)) {
    drop_remarks(thread, size, call, caller);
    return block;
  }
  if (!is_usual(phase()) && !is_recorded_after_all(block, size, call, caller)) return block;
  if (is_sampling()) {
    block = as_sampled(block, size, call);
    if (LEAKDIR_UNLIKELY(block == nullptr) || LEAKDIR_UNLIKELY(!may_be_sampled(block))) {
      block_not_added();
      return block;
    }
  }
  if (size < min_size) {
    drop_remarks(thread, size, call, caller);
    pass_small(block);
  } else if (thread.is_nested()) {
    record_nested(block, size, call, caller, thread);
  } else if (thread.busy != 0) {
    record_with_remarks(block, size, call, caller, thread);
  } else {
    record_anew(block, size, call, caller);
  }
  return block;
}

namespace {

// The block is live, and there is more to do.
LEAKDIR_SLOW void* finish(void* block, AddedBlock added, unsigned flags) {
  ThreadState& thread = thread_state;
  const ReentryGuard guard;
  if (added.replaced != 0) forget_replaced(added.replaced, free_rows_of(thread.scratch));
  block_became_live(added.row, flags, thread, guard);
  return block;
}

// The stack is known, and not all else is at hand.
[[gnu::noinline]] void* add_captured(void* block, std::size_t size, Captured captured) {
  ThreadState& thread = thread_state;
  const ReentryGuard guard;
  count_allocation(thread);
  add(address_of(block), size, captured, thread, guard);
  return block;
}

}  // namespace

namespace {

// The thread is settled, and in a hook: it is not any more when this returns.
[[gnu::always_inline]] inline void* add_at_once(void* block, std::size_t size, Captured captured, ThreadState& thread,
                                                ThreadScratch& scratch) {
  const std::uint64_t address = address_of(block);
  const std::uint64_t number_word = scratch.numbers.number_word;
  const std::uint64_t time_cycles = cycles() - scratch.numbers.period_start_cycles;
  std::uint32_t row = 0;
  if (LEAKDIR_LIKELY(AddressMap::is_known(scratch.leaves, address)) &&
      LEAKDIR_LIKELY(number_word != scratch.numbers.end_number_word)) {
    if (LEAKDIR_LIKELY(time_cycles < scratch.numbers.period_cycles) && LEAKDIR_LIKELY(fits_in_row(size))) {
      row = take_kept_row(scratch.free_rows);
    }
  }
  if (LEAKDIR_UNLIKELY(row == 0)) {
    signal_fence();
    --thread.busy;
    return add_captured(block, size, captured);
  }
  ++thread.row->allocations;
  const std::uint64_t time = time_cycles >> ledger::kTimeShift << ledger::kTimeShift;
  const Birth birth = {time | scratch.numbers.thread_in_word1, following_number(number_word)};
  scratch.numbers.number_word = birth.word2;
  fill_row(row, new_block(address, size, captured, birth));
  AddressMap::Cell* const cell = AddressMap::find_known(scratch.leaves, address);
  const std::uint32_t replaced = cell->load(std::memory_order_relaxed);
  cell->store(row, std::memory_order_release);
  const bool is_finished = LEAKDIR_LIKELY(replaced == 0) && !may_concern_writer(captured.flags());
  signal_fence();
  --thread.busy;
  return LEAKDIR_LIKELY(is_finished) ? block : finish(block, {row, replaced}, captured.flags());
}

// With a walk. The thread is in no hook.
[[gnu::noinline]] void* record_anew(void* block, std::size_t size, Call call, Caller caller) {
  ThreadState& thread = thread_state;
  const Captured captured = [&] {
    const ReentryGuard guard;
    ensure_thread(thread, guard);
    return capture_stack(thread, caller, call, guard);
  }();
  if (LEAKDIR_UNLIKELY(captured.stack() == 0)) count_dropped_stack();
  if (LEAKDIR_UNLIKELY(!is_settled(thread))) return add_captured(block, size, captured);
  thread.busy = 1;  // as ReentryGuard does, which would end after the calls
  signal_fence();
  return add_at_once(block, size, captured, thread, *thread.scratch);
}

// Does what record() does where the thread has all that it takes at hand. It calls nothing on that path, and leaves it
// by tail calls: so it has few registers to save.
[[gnu::always_inline]] inline void* record_at_once(void* block, std::size_t size, Call call, Caller caller) {
  ThreadState& thread = thread_state;
  ThreadScratch* const scratch = thread.scratch;
  if (LEAKDIR_UNLIKELY(block == nullptr) || LEAKDIR_UNLIKELY(thread.busy != 0) || LEAKDIR_UNLIKELY(size < min_size) ||
      LEAKDIR_UNLIKELY(!is_settled(thread))) {
    return block_allocated_otherwise(block, size, call, caller);
  }
  thread.busy = 1;
  signal_fence();
  const Captured captured = capture_known(*scratch, caller, call);
  if (LEAKDIR_UNLIKELY(captured.stack() == 0)) {
    signal_fence();
    --thread.busy;
    return record_anew(block, size, call, caller);
  }
  return add_at_once(block, size, captured, thread, *scratch);
}

}  // namespace

void* block_allocated(void* block, std::size_t size, Call call, Caller caller) {
  return record_at_once(block, size, call, caller);
}

void* block_allocated_by_malloc(void* block, std::size_t size, Caller caller) {
  return record_at_once(block, size, Call::kMalloc, caller);
}

namespace {

LEAKDIR_SLOW void free_block_slow(void* block, Caller caller) {
  const bool is_good = (thread_state.busy & ThreadState::kDryRun) != 0 ? is_handed_on_for_libc(block, caller)
                                                                       : is_handed_on(block, caller);
  if (is_good) allocator::free(block);
}

}  // namespace

void free_block_otherwise(void* block, Caller caller) {
  const Phase now = phase();
  const bool is_sound = address_of(block) % allocator::kAlignment == 0;
  if ((now == Phase::kSampling || now == Phase::kPaused) && is_sound &&
      (thread_state.busy & ThreadState::kDryRun) == 0 && is_unknown_to_sample(block)) {
    return allocator::free(block);
  }
  free_block_slow(block, caller);
}

// As block_allocated(), of a block that is live.
void free_block(void* block, Caller caller) {
  ThreadState& thread = thread_state;
  ThreadScratch* const scratch = thread.scratch;
  const std::uint64_t address = address_of(block);
  if (LEAKDIR_UNLIKELY(thread.busy != 0) || LEAKDIR_UNLIKELY(!is_settled(thread))) {
    return free_block_otherwise(block, caller);
  }
  thread.busy = 1;
  signal_fence();
  AddressMap::Cell* const cell = live_index.find(scratch->leaves, address);
  std::uint32_t row = 0;
  if (LEAKDIR_LIKELY(cell != nullptr)) row = cell->load(std::memory_order_acquire);
  ledger::Block& words = *ledger_file.block(row);
  if (LEAKDIR_UNLIKELY(row == 0) ||
      LEAKDIR_UNLIKELY(!ledger::is_block_at(load_word(words, 0, __ATOMIC_ACQUIRE), address)) ||
      LEAKDIR_UNLIKELY(!empty_cell(*cell, row))) {
    signal_fence();
    --thread.busy;
    return free_block_otherwise(block, caller);
  }
  ++thread.row->frees;
  remember_free_in(recent_frees, address, caller.pc(), load_word(words, 1));
  const unsigned flags = mark_freed(words);
  const bool is_kept = (flags & kFiledInFlagByte) == 0 && keep_row(row, scratch->free_rows);
  signal_fence();
  --thread.busy;
  if (LEAKDIR_UNLIKELY(!is_kept)) return give_up_and_free(block, row, *scratch);
  allocator::free(block);
}

SetAside begin_resize(void* block, Caller caller) {
  if (LEAKDIR_UNLIKELY(!is_usual(phase())) && is_only_handed_on(block)) return {};
  ThreadState& thread = thread_state;
  const std::uint64_t address = address_of(block);
  if (is_sampling() && !is_live_block(address)) return {};
  const bool nested = thread.is_nested();
  const ReentryGuard guard;
  if (LEAKDIR_LIKELY(!nested)) ensure_thread(thread, guard);
  const TakenBlock taken = block_is_set_aside(take_live_block(address));
  if (LEAKDIR_LIKELY(taken.row != 0)) {
    remember(address, taken, caller);  // now: when realloc returns, the address may be another thread's
    return {true, false, taken.row, taken.was};
  }
  return {false, !nested && is_bad_free(address, true, caller, thread, guard), 0, {}};
}

void* finish_resize(const SetAside& old, void* block, std::size_t size, Call call, Caller caller) {
  if (old.recorded) {
    ThreadState& thread = thread_state;
    const bool nested = thread.is_nested();
    const ReentryGuard guard;
    if (ledger::block_address(old.was.word[0]) == address_of(block)) forget_free(address_of(block));
    block_is_gone({old.row, old.was}, nested ? nullptr : free_rows_of(thread.scratch));
  }
  if (block == nullptr) return block;
  const Phase now = phase();
  if (LEAKDIR_LIKELY(now == Phase::kRecording)) return block_allocated(block, size, call, caller);
  if (now == Phase::kSampling && is_passed_over(size)) return block;
  return block_allocated_otherwise(block, size, call, caller);
}

void undo_resize(const SetAside& old) {
  if (!old.recorded) return;
  ThreadState& thread = thread_state;
  const bool nested = thread.is_nested();
  const ReentryGuard guard;
  forget_free(ledger::block_address(old.was.word[0]));
  put_back_live_block({old.row, old.was});
  const unsigned flags = ledger::block_flags(old.was.word[0]);
  if (!nested && (flags & ledger::kFlagFiled) == 0) block_became_live(old.row, flags, thread, guard);
}

void configure_tracker(const Options& options) { min_size = options.min_size; }

}  // namespace leakdir
