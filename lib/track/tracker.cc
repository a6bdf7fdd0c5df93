// SPDX-License-Identifier: BSL-1.0
#include "tracker.hh"

#include "bad_free.hh"
#include "files/live_list.hh"
#include "files/writer.hh"
#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "libc_own.hh"
#include "next_block.hh"
#include "other_phases.hh"
#include "stack/scratch.hh"
#include "stack/stack.hh"
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
  if (taken.row != 0) block_is_gone(taken, free_rows);
}

// In the middle of a hook, or of something that leakdir caused: the caller is all that may be asked for.
LEAKDIR_SLOW void record_nested(const void* block, std::size_t size, Call call, Caller caller,
                                const ThreadState& thread) {
  const Captured captured = capture_caller(caller.pc(), call);
  const unsigned own = thread.own_allocations ? ledger::kFlagLibc : 0;
  const NewBlock live = {address_of(block), size,         single_sequence(), now_ticks(),
                         captured.stack,    thread.index, captured.call,     captured.flags | own};
  const AddedBlock added = add_live_block(live, nullptr);
  if (added.row == 0) return block_is_unknown(address_of(block));
  if (added.replaced != 0) forget_replaced(added.replaced, nullptr);
}

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
  const AddedBlock added = add_live_block(live, free_rows_of(thread.scratch));
  if (LEAKDIR_UNLIKELY(added.row == 0)) return block_is_unknown(address_of(block));
  if (LEAKDIR_UNLIKELY(added.replaced != 0)) forget_replaced(added.replaced, free_rows_of(thread.scratch));
  if (is_listed(captured.flags)) block_became_live(added.row, thread, guard);
}

LEAKDIR_SLOW void record_with_remarks(const void* block, std::size_t size, Call call, Caller caller,
                                      ThreadState& thread) {
  const Remarks remarks = take_remarks(thread, size, call, caller);
  const ReentryGuard guard(thread);
  record(block, size, call, caller, thread, &remarks, guard);
}

bool is_usual(Phase now) { return now == Phase::kRecording; }

// Not while paused: the address may be handed out again unseen, and recording may resume before that block is freed.
void remember(const TakenBlock& gone, Caller caller) {
  if (LEAKDIR_UNLIKELY(!is_usual(phase()))) return;
  remember_free(ledger::block_address(gone.was.word[0]),
                {ledger::block_stack(gone.was.word[2], gone.was.word[3]), caller.pc()});
}

}  // namespace

void block_allocated(void* block, std::size_t size, Call call, Caller caller) {
  if (LEAKDIR_UNLIKELY(!is_usual(phase())) && !is_recorded_after_all(block, size, call, caller)) return;
  ThreadState& thread = thread_state;
  if (LEAKDIR_UNLIKELY(size < min_size)) {
    if (!thread.is_nested()) take_remarks(thread, size, call, caller);
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
  if (!thread.is_nested()) take_remarks(thread, size, call, caller);
}

namespace {

LEAKDIR_SLOW bool freed_by_libc(void* block, Caller caller) {
  if (!is_freed_after_all(address_of(block))) return false;
  ThreadState& thread = thread_state;
  thread.dry_run = false;
  const bool is_handed_on = block_freed(block, caller);
  thread.dry_run = true;
  return is_handed_on;
}

}  // namespace

bool block_freed(void* block, Caller caller) {
  ThreadState& thread = thread_state;
  // Paused or not. (In a function of its own, and called last: what goes on here shall not keep registers for it.)
  if (LEAKDIR_UNLIKELY(thread.dry_run)) return freed_by_libc(block, caller);
  if (LEAKDIR_UNLIKELY(!is_usual(phase())) && is_only_handed_on(block)) return true;
  const std::uint64_t address = address_of(block);
  const bool nested = thread.is_nested();
  const ReentryGuard guard(thread);
  if (LEAKDIR_LIKELY(!nested)) {
    ensure_thread(thread, guard);
    count_free(thread);
  }
  const TakenBlock taken = take_live_block(address);
  if (LEAKDIR_LIKELY(taken.row != 0)) {
    remember(taken, caller);
    block_is_gone(taken, nested ? nullptr : free_rows_of(thread.scratch));
    return true;
  }
  return nested || !is_bad_free(address, false, caller, thread, guard);
}

SetAside begin_resize(void* block, Caller caller) {
  if (LEAKDIR_UNLIKELY(!is_usual(phase())) && is_only_handed_on(block)) return {};
  ThreadState& thread = thread_state;
  const std::uint64_t address = address_of(block);
  const bool nested = thread.is_nested();
  const ReentryGuard guard(thread);
  if (LEAKDIR_LIKELY(!nested)) ensure_thread(thread, guard);
  const TakenBlock taken = block_is_set_aside(take_live_block(address));
  if (LEAKDIR_LIKELY(taken.row != 0)) {
    remember(taken, caller);  // now: when realloc returns, the address may be another thread's
    return {true, false, taken.row, taken.was};
  }
  return {false, !nested && is_bad_free(address, true, caller, thread, guard), 0, {}};
}

void finish_resize(const SetAside& old, void* block, std::size_t size, Call call, Caller caller) {
  if (old.recorded) {
    ThreadState& thread = thread_state;
    const bool nested = thread.is_nested();
    const ReentryGuard guard(thread);
    if (ledger::block_address(old.was.word[0]) == address_of(block)) forget_free(address_of(block));
    block_is_gone({old.row, old.was}, nested ? nullptr : free_rows_of(thread.scratch));
  }
  if (block != nullptr) block_allocated(block, size, call, caller);
}

void undo_resize(const SetAside& old) {
  if (!old.recorded) return;
  ThreadState& thread = thread_state;
  const bool nested = thread.is_nested();
  const ReentryGuard guard(thread);
  forget_free(ledger::block_address(old.was.word[0]));
  put_back_live_block({old.row, old.was});
  if (!nested && is_listed(ledger::block_flags(old.was.word[0])) &&
      (ledger::block_flags(old.was.word[0]) & ledger::kFlagFiled) == 0) {
    block_became_live(old.row, thread, guard);
  }
}

void configure_tracker(const Options& options) { min_size = options.min_size; }

}  // namespace leakdir
