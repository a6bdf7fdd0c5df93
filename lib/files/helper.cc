// SPDX-License-Identifier: BSL-1.0
//
// The helper is made with clone() and not with pthread_create(), for three reasons. It has a table of descriptors of
// its own, so that what it opens never takes a number that the program expects, and closing "everything above 2" does
// not reach it. It has a root, a working directory and a umask of its own. And to libc the program stays
// single-threaded: malloc goes on without locks.
//
// The price: it has no thread-local data (it sees those of the thread that made it, which may be gone), so nothing here
// or below may use errno, the guard, or a libc function that does. sys.hh and plain loops only.

#include "helper.hh"

#include <fcntl.h>
#include <sys/prctl.h>

#include "config_watch.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/owner.hh"
#include "look.hh"
#include "record_dir.hh"
#include "shared/text.hh"
#include "system/base.hh"
#include "system/call_numbers.hh"
#include "system/hidden_thread.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "system/rights.hh"
#include "system/sys.hh"
#include "write_mode.hh"

namespace leakdir {
namespace {

enum class State : std::uint32_t {
  kNone = 0,
  kStarting,
  kRunning,
  kAskedToStop,
  kAskedForLastLook,
  kLastLookDone,
  kImpossible,  // no thread to be had, or it would end at once: the hooks do its work
  kLeftAlone,   // a filter of system calls has come upon the program: nobody does its work until the exit
};

constexpr std::uint64_t kIdleNs = 1000000000;
constexpr std::uint64_t kStopNs = 30000000000;
constexpr std::uint32_t kMostFailures = 8;

std::uint64_t look_interval_ns = 50000000;
std::uint64_t young_ns = 40000000;
char* stack = nullptr;

bool is_writing_behind() { return write_mode() == ledger::WriteMode::kBehind; }

State state() { return static_cast<State>(process->helper_state.load(std::memory_order_acquire)); }
bool change_state(State from, State to) {
  auto expected = static_cast<std::uint32_t>(from);
  return process->helper_state.compare_exchange_strong(expected, static_cast<std::uint32_t>(to));
}

// The descriptors that came with the copied table are the program's files: a pipe must not stay open because of us.
void close_all_descriptors() {
  if (sys::call(SYS_close_range, 0, 0xffffffffl, 0) == 0) return;
  // Before Linux 5.9.
  alignas(8) char buffer[1024];
  const int listing = sys::open_at(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY);
  constexpr int kMost = 65536;
  if (listing < 0) {
    for (int i = 0; i < kMost; ++i) sys::close(i);
    return;
  }
  for (long got; (got = sys::list(listing, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < got;) {
      const char* entry = buffer + at;
      at += *reinterpret_cast<const std::uint16_t*>(entry + 16);
      int descriptor = -1;
      for (const char* c = entry + 19; *c >= '0' && *c <= '9'; ++c) {
        descriptor = (descriptor < 0 ? 0 : descriptor * 10) + (*c - '0');
      }
      if (descriptor >= 0 && descriptor != listing) sys::close(descriptor);
    }
  }
  sys::close(listing);
}

void obey_control() {
  ledger::Header& header = *ledger_file.header();
  const auto control = static_cast<ledger::Control>(__atomic_load_n(&header.control, __ATOMIC_ACQUIRE));
  if (control == ledger::Control::kNone) return;
  __atomic_store_n(&header.control, static_cast<std::uint32_t>(ledger::Control::kNone), __ATOMIC_RELEASE);
  set_recording(control == ledger::Control::kResume);
}

void obey_flush(int folder) {
  ledger::Header& header = *ledger_file.header();
  const std::uint64_t asked = __atomic_load_n(&header.flush_request, __ATOMIC_ACQUIRE);
  if (asked == header.flush_done) return;
  look(folder, 0, true);
  __atomic_store_n(&header.flush_done, asked, __ATOMIC_RELEASE);
}

bool is_asked_to_end() { return state() == State::kAskedToStop || state() == State::kAskedForLastLook; }

// Where there is something to be said, which a program's thread must do: the next hook that has a block for us comes
// by, as if to wake us.
void ask_hooks_to_speak() {
  if (messages::something_was_left()) process->helper_idle.store(1);
}

// Sleeps until the next look is due, or until woken. With nothing to do it sleeps longer and says so first; then it
// looks once more, because a block may have become live just before.
void rest(int folder, bool something_later) {
  const std::uint32_t wake = __atomic_load_n(&process->helper_wake, __ATOMIC_ACQUIRE);
  if (is_asked_to_end()) return;
  if (something_later) {
    sys::wait_on(&process->helper_wake, wake, look_interval_ns);
    return;
  }
  process->helper_idle.store(1);
  order_all_hooks();
  if (is_writing_behind() && look(folder, young_ns, false)) {
    process->helper_idle.store(0);
    ask_hooks_to_speak();
    sys::wait_on(&process->helper_wake, wake, look_interval_ns);
  } else {
    sys::wait_on(&process->helper_wake, wake, kIdleNs);
    // Woken or not: look now, and from now on at the usual pace.
    if (process->helper_idle.exchange(0) == 0)
      sys::wait_on(&process->helper_wake, process->helper_wake, look_interval_ns);
  }
}

// What made us needed is young. In a process that has ended when it has become old enough to matter, the rest of what
// helpers do is never paid for.
void wait_until_blocks_are_old_enough() {
  const std::uint32_t wake = __atomic_load_n(&process->helper_wake, __ATOMIC_ACQUIRE);
  if (!is_asked_to_end() && !tool_is_waiting()) sys::wait_on(&process->helper_wake, wake, look_interval_ns);
}

// When the program's last thread has left by the system call itself, past libc's exit, we alone keep the process, and
// signals that could end it do not reach us. What the process ends with is then what its last thread says.
void end_if_alone() {
  constexpr unsigned kLinksWithTwoThreads = 4;
  sys::FileStatus threads;
  int status = 0;
  if (sys::stat_at(AT_FDCWD, "/proc/self/task", &threads, 0) == 0 && threads.links == kLinksWithTwoThreads &&
      first_thread_has_ended(&status))
    sys::call(SYS_exit, status);
}

int helper_main(void*) {
  close_all_descriptors();
  sys::set_umask(0);
  sys::call(SYS_prctl, PR_SET_NAME, reinterpret_cast<long>("leakdir"));
  const int folder = open_record_dir();
  if (folder >= 0) wait_until_blocks_are_old_enough();
  for (bool is_first = true; !is_asked_to_end(); is_first = false) {
    end_if_alone();
    if (folder < 0 || !has_rights_of_first_thread()) {
      // Rights that the program has given up must not live on here. A later allocation makes a new helper, with the
      // program's rights of then; but where one after the other ends as it begins, hooks do without. Where a filter of
      // system calls is upon the program it might be killed for either: then nobody does it.
      const bool is_filtered = first_thread_is_filtered();
      const bool is_last = is_first && ++process->helper_failures == kMostFailures;
      const State next = is_filtered ? State::kLeftAlone : is_last ? State::kImpossible : State::kNone;
      // The thread that made us may not have said yet that we run.
      if ((change_state(State::kStarting, next) || change_state(State::kRunning, next)) && !is_filtered)
        process->helper_idle.store(1);
      sys::call(SYS_exit, 0);
    }
    process->helper_failures = 0;
    const bool later = is_writing_behind() && look(folder, young_ns, false);
    obey_control();
    watch_config();
    obey_flush(folder);
    ask_hooks_to_speak();
    rest(folder, later);
  }
  if (state() == State::kAskedForLastLook && folder >= 0 && has_rights_of_first_thread()) {
    look(folder, 0, true);
    change_state(State::kAskedForLastLook, State::kLastLookDone);
  }
  sys::call(SYS_exit, 0);
  return 0;
}

LEAKDIR_SLOW bool start_helper() {
  // In a vfork child the memory is the parent's and the thread would be the child's: the parent starts it later.
  if (static_cast<std::uint32_t>(sys::pid()) != process_generation) return true;
  if (!sys::kBareCalls) return false;
  if (!change_state(State::kNone, State::kStarting)) return true;
  // The stack of a helper that has just ended by itself may be in use for an instant still.
  while (__atomic_load_n(&process->helper_alive, __ATOMIC_ACQUIRE) != 0) sys::yield();
  if (stack == nullptr) stack = make_hidden_stack();
  process->helper_idle.store(0);
  const bool is_made = start_hidden_thread(helper_main, stack, &process->helper_alive);
  if (!is_made) process->helper_alive = 0;
  if (!is_made) process->helper_idle.store(1);  // those who need it are told that there is none
  change_state(State::kStarting, is_made ? State::kRunning : State::kImpossible);
  return is_made;
}

LEAKDIR_SLOW bool start_or_wake_helper() {
  switch (state()) {
    case State::kNone:
      return start_helper();
    case State::kRunning:
      if (process->helper_idle.exchange(0) == 1) {
        messages::say_what_was_left();
        __atomic_fetch_add(&process->helper_wake, 1, __ATOMIC_RELEASE);
        sys::wake(&process->helper_wake);
      }
      return true;
    case State::kImpossible:
      return false;
    default:
      return true;
  }
}

}  // namespace

void configure_helper(std::uint32_t delay_ms, const char* config_path, bool config_is_named) {
  // However long files may wait, the tool must not.
  look_interval_ns = std::uint64_t{delay_ms} * 500000;
  if (look_interval_ns > kIdleNs) look_interval_ns = kIdleNs;
  young_ns = std::uint64_t{delay_ms} * 400000;  // seen young at one look, it has its file at the next, in time
  process->helper_idle.store(1);
  set_watched_config(config_path, config_is_named);
}

bool helper_is_needed() {
  if (LEAKDIR_LIKELY(process->helper_idle.load() == 0)) return true;
  return start_or_wake_helper();
}

bool tool_is_waiting() {
  const ledger::Header& header = *ledger_file.header();
  return __atomic_load_n(&header.control, __ATOMIC_RELAXED) != static_cast<std::uint32_t>(ledger::Control::kNone) ||
         __atomic_load_n(&header.flush_request, __ATOMIC_RELAXED) !=
             __atomic_load_n(&header.flush_done, __ATOMIC_RELAXED);
}

bool helper_is_running() { return state() == State::kRunning; }

bool stop_helper(bool last_look) {
  process->helper_idle.store(0);
  if (state() == State::kNone) change_state(State::kNone, State::kImpossible);
  if (!change_state(State::kRunning, last_look ? State::kAskedForLastLook : State::kAskedToStop)) return false;
  cut_look_short();
  __atomic_fetch_add(&process->helper_wake, 1, __ATOMIC_RELEASE);
  sys::wake(&process->helper_wake);
  const std::uint64_t until = sys::monotonic_ns() + kStopNs;
  for (std::uint32_t alive; (alive = __atomic_load_n(&process->helper_alive, __ATOMIC_ACQUIRE)) != 0;) {
    if (sys::monotonic_ns() > until) break;
    sys::wait_on(&process->helper_alive, alive, 10000000);
  }
  return state() == State::kLastLookDone;
}

}  // namespace leakdir
