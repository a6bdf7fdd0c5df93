// SPDX-License-Identifier: BSL-1.0
#include "exit.hh"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "files/block_file.hh"
#include "files/ended_children.hh"
#include "files/helper.hh"
#include "files/live_list.hh"
#include "files/record_dir.hh"
#include "files/write_mode.hh"
#include "files/writer.hh"
#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/owner.hh"
#include "option_sources.hh"
#include "reach/reachability.hh"
#include "stack/stack.hh"
#include "system/find_export.hh"
#include "system/guard.hh"
#include "system/libc.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "system/stderr_keeper.hh"
#include "system/sys.hh"
#include "track/bypass.hh"
#include "track/inherited.hh"
#include "track/libc_own.hh"

extern "C" {
// In leakdir-static.o (static_only.cc, static_only_musl.cc).
__attribute__((weak)) extern const unsigned* const leakdir_glibc_thread_count;
__attribute__((weak)) extern const unsigned* const leakdir_musl_other_threads;
}

namespace leakdir {
namespace {

bool has_ended = false;

unsigned thread_count() {
  sys::FileStatus status;
  if (sys::stat_at(AT_FDCWD, "/proc/self/task", &status, 0) != 0) return 2;  // not known: be careful
  const unsigned ours =
      (stderr_is_kept() ? 1 : 0) + (__atomic_load_n(&process->helper_alive, __ATOMIC_ACQUIRE) != 0 ? 1 : 0);
  const unsigned threads = static_cast<unsigned>(status.links) - 2 - ours;
  return threads == 2 && first_thread_has_ended() ? 1 : threads;  // main left by pthread_exit, and is still counted
}

const unsigned* glibcs_thread_count() {
  if (&leakdir_glibc_thread_count != nullptr) return leakdir_glibc_thread_count;
  return static_cast<const unsigned*>(exported_anywhere("__nptl_nthreads"));
}

// By libc's own count, of glibc 2.34 and later, and of musl in a static program. /proc counts also threads that are
// none of the program's, as those of an emulator that it runs in (qemu-user).
unsigned count_threads() {
  if (libc::kIsMusl && &leakdir_musl_other_threads != nullptr)
    return 1 + __atomic_load_n(leakdir_musl_other_threads, __ATOMIC_RELAXED);
  const unsigned* const count = glibcs_thread_count();
  return count != nullptr ? __atomic_load_n(count, __ATOMIC_RELAXED) : thread_count();
}

}  // namespace

bool is_only_thread(unsigned tries) {
  if (is_single_threaded()) return true;  // there never was another
  for (unsigned i = 0; i < tries; ++i) {
    // (Main that left by pthread_exit is not counted, nor is the last thread, from which libc then calls exit.)
    if (count_threads() <= 1) return true;
    sys::sleep_for(1000000);
  }
  return false;
}

namespace {

void set_state_exited() {
  ledger::Header& header = *ledger_file.header();
  tune_clock(header);
  header.exit_realtime_ns = realtime_of_ticks(now_ticks());  // the clock on the wall may have been set since
  __atomic_store_n(&header.state, static_cast<std::uint32_t>(ledger::ProcessState::kExited), __ATOMIC_RELEASE);
}

void end_ledger(const LiveTotals& totals, bool is_last_thread) {
  ledger::Header& header = *ledger_file.header();
  header.files_over_limit = totals.without_file;
  set_state_exited();
  if (is_last_thread) give_back_free_rows();
}

void end_of_quick_exit(void*) {
  const Phase now = phase();
  if (!is_recording(now) && now != Phase::kPaused) return;
  if (static_cast<std::uint32_t>(sys::pid()) != process_generation) return;
  set_state_exited();
}

void look_for_lost_blocks(bool is_last_thread, const void* ours) {
  if (!options.reach || count_live(0).blocks == 0) return;
  const LostLook look = find_lost(find_thread_at_exit(ours), is_last_thread);
  ledger::Header& header = *ledger_file.header();
  header.unread_bytes = look.unread_bytes;
  header.reach_look = static_cast<std::uint32_t>(look.outcome);
}

// A forked child that holds nothing but what it has inherited leaves nothing: its parent lists that.
bool is_gone_without_trace(int folder) {
  if (folder < 0 || ledger_file.header()->parent_pid == 0 || are_there_files() || !has_nothing_to_show()) return false;
  if (!remove_child_dir(folder)) return false;
  set_phase(Phase::kOff);  // what libc still frees is none of our business
  return true;
}

bool all_was_libcs() {
  if (ledger_file.header()->parent_pid == 0) return false;
  const int folder = open_record_dir();
  const bool is_gone = is_gone_without_trace(folder);
  if (folder >= 0) sys::close(folder);
  return is_gone;
}

// In the first thread, by exit or by pthread_exit. After the latter the process goes on where there are other threads.
void exit_begins(void*) {
  const Phase now = phase();
  if (!is_recording(now) && now != Phase::kPaused) return;
  libc_frees_its_entry();
  if (static_cast<std::uint32_t>(sys::pid()) != process_generation) return;
  if (ledger_file.header()->parent_pid != 0 && has_nothing_to_show()) return;  // most children; it costs a thread
  if (is_single_threaded() || count_threads() <= 1) messages::keep_open();
}

void see_whether_all_was_seen() {
  const ReentryGuard guard;
  hooks_are_bypassed(guard);
  if (options.summary) say_if_bypassed();
}

// All that is to be done of the records. Returns how many blocks live. `ours`: see find_thread_at_exit.
std::uint64_t end_records(const void* ours) {
  capture_is_ending();
  const int folder = open_record_dir();
  if (folder >= 0) stop_helper(false);
  const bool has_left_nothing = is_gone_without_trace(folder);
  if (folder >= 0) sys::close(folder);
  if (has_left_nothing) return 0;
  settle_inherited_blocks();
  constexpr unsigned kTries = 50;
  const bool is_last_thread = is_only_thread(kTries);
  if (is_last_thread) disown_blocks_of_unjoined_threads();
  if (!options.libc && is_last_thread) disown_blocks_shared_with_libc();
  // Before libc is asked for its own blocks, which empties the tables that lead to them.
  look_for_lost_blocks(is_last_thread, ours);
  if (!options.libc && is_last_thread) mark_blocks_of_libc();
  write_at_once();  // first: what other threads free from now on has no file left behind
  int error = folder >= 0 ? write_last_records() : stop_helper(true) ? 0 : folder;
  if (write_mode() == ledger::WriteMode::kNever) error = 0;
  if (error == 0 && all_was_libcs()) return 0;
  const LiveTotals totals = count_live(0);
  messages::say_what_was_left();
  if (error != 0 && totals.blocks != 0) messages::cannot_write_record(record_dir_shown(), error);
  const std::uint64_t bad_frees = ledger_file.header()->bad_frees;
  see_whether_all_was_seen();
  if (options.summary && (totals.blocks != 0 || bad_frees != 0)) {
    const bool has_all_files = error == 0 && is_room_for_files() && write_mode() != ledger::WriteMode::kNever;
    const std::uint64_t only_in_ledger = !has_all_files && ledger_file.is_shared() ? totals.without_file : 0;
    const auto look = static_cast<ledger::ReachLook>(ledger_file.header()->reach_look);
    messages::summary({totals.blocks, totals.bytes, bad_frees, only_in_ledger,
                       only_in_ledger != 0 ? totals.lost_without_file : 0, options.sample, look, totals.blocks_of_kind,
                       record_dir_shown()});
  }
  end_ledger(totals, is_last_thread);
  if (ledger_file.header()->children != 0) {
    __atomic_fetch_add(&ledger_file.header()->children_removed, tidy_up_after_children(base_dir()), __ATOMIC_RELAXED);
  }
  return totals.blocks;
}

}  // namespace

void hear_of_exit() { call_when_exit_begins(exit_begins); }

void hear_of_quick_exit() { libc::call_at_quick_exit(end_of_quick_exit); }

void end_of_process() {
  const Phase now = phase();
  // A child that never allocated has nothing of its own; a vfork child must not end its parent's records.
  if (has_ended || (!is_recording(now) && now != Phase::kPaused)) return;
  if (static_cast<std::uint32_t>(sys::pid()) != process_generation) return;
  has_ended = true;
  const int saved = errno;
  const std::uint64_t blocks = end_records(&saved);
  let_go_of_stderr();
  errno = saved;
  // Once more, from what is nearly the last that exit() calls: libc goes on where it was, and flushes what is left
  // without waiting for a thread that reads.
  if (options.exitcode != 0 && blocks != 0) ::exit(static_cast<int>(options.exitcode));
}

}  // namespace leakdir
