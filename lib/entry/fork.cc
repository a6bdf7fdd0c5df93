// SPDX-License-Identifier: BSL-1.0
//
// What a forked child does at its first allocation. Until then it has cost nothing and touched nothing: its hooks read
// Phase::kForked in the page that the kernel wiped, and frees only take the address out of the index, which is private
// memory and shows what was live at the fork. The ledger is still the parent's, shared, and going on.
//
// So the child claims DIR/<pid>/ and begins a ledger of its own, whose numbers go on where the parent's end. What it
// has inherited stays in the index as it is, and the parent's ledger mapped, to be read (track/inherited.hh): a fork
// costs the same however much is live.

#include "describe.hh"
#include "files/block_file.hh"
#include "files/ended_children.hh"
#include "files/record_dir.hh"
#include "ledger/inheritance.hh"
#include "ledger/ledger_file.hh"
#include "ledger/recent_frees.hh"
#include "option_sources.hh"
#include "stack/scratch.hh"
#include "stack/stack_table.hh"
#include "start.hh"
#include "system/base.hh"
#include "system/guard.hh"
#include "system/loader.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "system/sys.hh"
#include "track/inherited.hh"
#include "track/other_phases.hh"
#include "track/threads.hh"

namespace leakdir {
namespace {

// In ordinary memory, so that a child which another thread forks meanwhile finds it: that child has half a ledger.
bool is_moving = false;
std::uint64_t generation = 0;  // of children of children, in ordinary memory as well

// One child in so many looks after those that have ended, of a parent's and of a chain in which each child has but one.
// As it reads the names of the parent's records to find them, it is one in more where there are many. Powers of two, so
// that the number may change meanwhile.
std::uint64_t children_to_one_that_tidies(std::uint64_t files) {
  constexpr std::uint64_t kFewest = 16, kMost = 256, kNamesToOneChild = 8;
  std::uint64_t children = kFewest;
  while (children < kMost && children * kNamesToOneChild < files) children *= 2;
  return children;
}

void tidy_up_sometimes(std::uint64_t parents_files) {
  ledger::Header* const parent = parents_header();
  const std::uint64_t before = __atomic_fetch_add(&parent->children, 1, __ATOMIC_RELAXED);
  const std::uint64_t children = children_to_one_that_tidies(parents_files);
  if ((before + generation++) % children != children - 1) return;
  __atomic_fetch_add(&parent->children_removed, tidy_up_after_children(base_dir()), __ATOMIC_RELAXED);
}

bool move_in(ThreadState& thread, const ReentryGuard& guard) {
  // More than one thread has allocated, or libc cannot say that there was but one.
  loader_was_forked(!is_single_threaded() || ledger_file.used(ledger::Kind::kThreads) > 2);
  is_moving = true;
  keep_parents_ledger(numbers_at_fork());
  forget_free_rows();
  leave_nodes_to_parent();
  if (!claim_child_dir() || !settle_tables()) return false;
  describe_child(*parents_header());
  process_generation = static_cast<std::uint32_t>(sys::pid());
  hooks_are_outdated();
  forget_threads();
  thread.generation = 0;  // in a new pid namespace a child may have its parent's pid
  ensure_thread(thread, guard);
  begin_to_inherit();
  tidy_up_sometimes(count_block_files());                 // not set anew yet: the parent's
  if (parents_header()->pauses != 0) forget_all_frees();  // the fork may have been in a pause, when blocks came unseen
  return true;
}

// After chroot() a directory would be made anew in the jail, where nobody looks for it.
bool can_reach_directory(bool is_known) {
  if (!root_is_another()) return true;
  if (!is_known) messages::children_are_elsewhere();
  return false;
}

// A child that cannot have a directory (after chroot(), or when the program has given up its rights) is counted in its
// parent's ledger, still shared: nobody is to believe that all was seen. As a server may fork a child for each request,
// it is said once for all children of a parent.
bool find_a_place(ThreadState& thread, const ReentryGuard& guard) {
  ledger::Header& parent = *ledger_file.header();
  const bool is_known = __atomic_load_n(&parent.children_unrecorded, __ATOMIC_RELAXED) != 0;
  if (is_known) messages::no_place_was_said();
  if (can_reach_directory(is_known) && move_in(thread, guard)) return true;
  __atomic_fetch_add(&parent.children_unrecorded, 1, __ATOMIC_RELAXED);
  return false;
}

}  // namespace

LEAKDIR_SLOW bool start_in_child() {
  // A handler has interrupted a hook of the parent's, and has forked: the hook must find things as they were.
  if (thread_state.is_nested()) return false;
  auto expected = static_cast<std::uint32_t>(Phase::kForked);
  if (!process->phase.compare_exchange_strong(expected, static_cast<std::uint32_t>(Phase::kSwitching))) {
    return expected == static_cast<std::uint32_t>(recording_phase);
  }
  ThreadState& thread = thread_state;
  const ReentryGuard guard;
  const bool has_parents_ledger = !is_moving;
  const bool recording = has_parents_ledger && ledger_file.header()->recording != 0;
  if (!has_parents_ledger || !options.children || !find_a_place(thread, guard)) {
    if (has_parents_ledger) ledger_file.leave();
    // In ordinary memory: children of this child are to find it.
    early_process.phase.store(static_cast<std::uint32_t>(Phase::kOff));
    process = &early_process;
    return false;
  }
  is_moving = false;
  ready_to_record(recording);
  return recording;
}

}  // namespace leakdir
