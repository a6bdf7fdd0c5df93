// SPDX-License-Identifier: BSL-1.0
//
// When these are called is for entry_object.cc and entry_library.cc. What was allocated before start (by libc's own
// start, and by the dynamic loader) waits in the tracker's early table. What is freed after exit still has its file
// removed at once (write_at_once).

#include "lifecycle.hh"

#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "files/config_watch.hh"
#include "files/helper.hh"
#include "files/record_dir.hh"
#include "files/writer.hh"
#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/owner.hh"
#include "ledger/recent_frees.hh"
#include "shared/options.hh"
#include "shared/text.hh"
#include "stack/modules.hh"
#include "stack/stack.hh"
#include "stack/unwinder_in_use.hh"
#include "system/allocator.hh"
#include "system/base.hh"
#include "system/guard.hh"
#include "system/loader.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "system/rights.hh"
#include "system/sys.hh"
#include "track/bad_free.hh"
#include "track/libc_own.hh"
#include "track/threads.hh"
#include "track/tracker.hh"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define LEAKDIR_STRING(x) #x
#define LEAKDIR_VERSION_STRING(x) LEAKDIR_STRING(x)

extern "C" {
// The program's own defaults, for devices without an environment.
__attribute__((weak)) const char* leakdir_default_options(void);
__attribute__((weak)) const char* __lsan_default_suppressions(void);
__attribute__((weak)) int __register_atfork(void (*)(), void (*)(), void (*)(), void*);
}

namespace leakdir {
namespace {

Options options;
char program_path[4096];
char config_path[4096];  // watched, even if there is no such file yet
bool config_found = false;
bool config_is_named = false;  // by the environment
bool at_exit_done = false;

constexpr char kDefaultConfig[] = "./leakdir.conf";

// The page that a forked child finds wiped.
Process* make_process_page() {
  constexpr std::size_t kBytes = 4096;
  void* page = sys::map(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == nullptr) return nullptr;
  constexpr int kNoAdvice = 12345;  // qemu's user mode takes any, and does nothing
  if (sys::advise(page, kBytes, MADV_WIPEONFORK) != 0 || sys::advise(page, kBytes, kNoAdvice) == 0) {
    // Before Linux 4.14, and there: a child that fork() made is told by libc.
    if (__register_atfork != nullptr) {
      __register_atfork(nullptr, nullptr, wipe_process, nullptr);
    }
  }
  return static_cast<Process*>(page);
}

const char* environment_value(char** environment, const char* name) {
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const char* entry = *environment;
    std::size_t i = 0;
    while (name[i] != '\0' && name[i] == entry[i]) ++i;
    if (name[i] == '\0' && entry[i] == '=') return entry + i + 1;
  }
  return nullptr;
}

void read_config_file(const char* named) {
  const char* path = named != nullptr ? named : kDefaultConfig;
  char text[4096];
  const long got = read_config(path, named != nullptr, text, sizeof text);
  if (got >= 0) {
    parse_option_file(text, path, options, messages::option_error);
  } else if (got == -EPERM && named == nullptr) {
    messages::config_not_ours(path);
  } else if (named != nullptr) {
    messages::config_unreadable(path, static_cast<int>(got));
  }
  config_found = got >= 0;
  config_is_named = named != nullptr;
  // It must stay where it is when the program changes its directory.
  if (sys::make_absolute(path, config_path, sizeof config_path) != 0) config_path[0] = '\0';
}

void read_options(char** environment) {
  if (leakdir_default_options != nullptr) {
    const char* text = leakdir_default_options();
    if (text != nullptr) parse_option_list(text, "leakdir_default_options()", options, messages::option_error);
  }
  if (!caller_is_trusted()) return;
  read_config_file(environment_value(environment, "LEAKDIR_CONFIG"));
  const char* text = environment_value(environment, "LEAKDIR_OPTIONS");
  if (text != nullptr) parse_option_list(text, "LEAKDIR_OPTIONS", options, messages::option_error);
}

std::uint32_t elf_machine() {
#if defined(__x86_64__)
  return 62;
#elif defined(__aarch64__)
  return 183;
#elif defined(__arm__)
  return 40;
#elif defined(__i386__)
  return 3;
#elif defined(__riscv)
  return 243;
#else
  return 0;
#endif
}

// The header but for its owner, who is announced already, and the magic: a reader that comes meanwhile finds no ledger.
void describe_process(ledger::Header& header) {
  header.header_bytes = ledger::kHeaderBytes;
  header.pointer_bytes = sizeof(void*);
  header.machine = elf_machine();
  header.option_libc = options.libc ? 1 : 0;
  header.option_depth = options.depth;
  header.option_write = static_cast<std::uint32_t>(options.write);
  header.option_delay_ms = options.delay_ms;
  header.option_min_size = options.min_size;
  header.option_max_files = options.max_files;
}

void sign(ledger::Header& header) { __atomic_store_n(&header.magic[0], ledger::kMagic[0], __ATOMIC_RELEASE); }

void configure_all() {
  configure_tracker(options);
  configure_capture(options.unwind, options.depth);
  configure_bad_free(options.on_bad_free == OnBadFree::kAbort);
  if (options.min_size != 0) some_blocks_are_unknown();
}

unsigned thread_count() {
  sys::FileStatus status;
  if (sys::stat_at(AT_FDCWD, "/proc/self/task", &status, 0) != 0) return 2;  // not known: be careful
  const unsigned threads = static_cast<unsigned>(status.links) - 2;
  return threads == 2 && first_thread_has_ended() ? 1 : threads;  // main left by pthread_exit, and is still counted
}

// A thread that was joined is counted until the kernel has quite done with it: a moment's patience.
bool is_only_thread() {
  if (allocator::is_single_threaded()) return true;  // there never was another
  constexpr unsigned kTries = 50;
  for (unsigned i = 0; i < kTries; ++i) {
    if (thread_count() == 1) return true;
    sys::sleep_for(1000000);
  }
  return false;
}

void end_ledger(const LiveTotals& totals, bool is_last_thread) {
  ledger::Header& header = *ledger_file.header();
  header.files_over_limit = totals.blocks > header.option_max_files ? totals.without_file : 0;
  tune_clock(header);
  header.exit_realtime_ns = realtime_of_ticks(now_ticks());  // the clock on the wall may have been set since
  __atomic_store_n(&header.state, static_cast<std::uint32_t>(ledger::ProcessState::kExited), __ATOMIC_RELEASE);
  if (is_last_thread) give_back_free_records();
}

}  // namespace

void end_of_process() {
  const Phase now = phase();
  // A child that never allocated has nothing of its own; a vfork child must not end its parent's records.
  if (at_exit_done || (now != Phase::kRecording && now != Phase::kPaused)) return;
  if (static_cast<std::uint32_t>(sys::pid()) != process_generation) return;
  at_exit_done = true;
  const int saved = errno;
  capture_is_ending();
  const int folder = open_record_dir();
  if (folder >= 0) sys::close(folder);
  if (folder >= 0) stop_helper(false);
  const bool is_last_thread = is_only_thread();
  if (!options.libc && is_last_thread) mark_blocks_of_libc();
  write_at_once();  // first: what other threads free from now on has no file left behind
  const int error = folder >= 0 ? write_all_records() : stop_helper(true) ? 0 : folder;
  const LiveTotals totals = count_live(0);
  if (error != 0 && totals.blocks != 0) messages::cannot_write_record(record_dir_shown(), error);
  const std::uint64_t bad_frees = ledger_file.header()->bad_frees;
  if (options.summary && (totals.blocks != 0 || bad_frees != 0)) {
    messages::summary(totals.blocks, totals.bytes, bad_frees, record_dir_shown());
  }
  end_ledger(totals, is_last_thread);
  errno = saved;
  // Once more, from what is nearly the last that exit() calls: libc goes on where it was, and flushes what is left
  // without waiting for a thread that reads.
  if (options.exitcode != 0 && totals.blocks != 0) ::exit(static_cast<int>(options.exitcode));
}

bool is_static_program() { return loader_base() == 0; }

namespace {

// Without /proc, and by `ld.so PROGRAM`, which /proc takes for the program: as the program was called.
void find_program_path() {
  const bool is_run_by_loader = ::getauxval(AT_BASE) == 0 && !is_static_program();
  if (!is_run_by_loader && sys::read_link_at(AT_FDCWD, "/proc/self/exe", program_path, sizeof program_path) > 0) return;
  const auto* called = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  if (called == nullptr || sys::make_absolute(called, program_path, sizeof program_path) != 0) program_path[0] = '\0';
}

// leakdir-static.o has the malloc.o of the glibc that it was made from, which must be the one of the program.
void check_libc() {
#if defined(LEAKDIR_GLIBC_VERSION)  // of the libc.a, where it is not the one of the headers
  constexpr char kBuiltWith[] = LEAKDIR_VERSION_STRING(LEAKDIR_GLIBC_VERSION);
#else
  constexpr char kBuiltWith[] = LEAKDIR_VERSION_STRING(__GLIBC__) "." LEAKDIR_VERSION_STRING(__GLIBC_MINOR__);
#endif
  const char* running_with = ::gnu_get_libc_version();
  for (unsigned i = 0; i < sizeof kBuiltWith; ++i) {
    if (kBuiltWith[i] != running_with[i]) return messages::libc_differs(kBuiltWith, running_with);
  }
}

}  // namespace

void start(char** environment) {
  const int saved = errno;
  const GuardedScope guarded;
  messages::remember_stderr();
  read_options(environment);
  if (options.help) print_option_help(messages::help_line);
  find_program_path();
  if (!options.enabled) {
    set_phase(Phase::kOff);
    return;
  }
  if (is_static_program()) check_libc();
  Process* page = make_process_page();
  if (page == nullptr || !claim_record_dir(options, program_path)) {
    set_phase(Phase::kOff);
    return;
  }
  page->phase.store(static_cast<std::uint32_t>(Phase::kEarly));
  process = page;
  process_generation = static_cast<std::uint32_t>(sys::pid());
  ledger::Header& header = *ledger_file.header();
  describe_process(header);
  start_clock(header);
  header.program = ledger_file.add_text(program_path);
  header.directory = ledger_file.add_text(record_dir());
  if (__lsan_default_suppressions != nullptr && __lsan_default_suppressions() != nullptr) {
    header.suppressions = ledger_file.add_text(__lsan_default_suppressions());
  }
  configure_all();
  open_recent_frees();
  const ReentryGuard guard(thread_state);
  refresh_modules(guard);
  import_early_blocks();
  if (program_has_table_header()) {
    prime_unwinder(guard);
  } else {
    hold_unwinder_at_fork();
  }
  ready_to_record(options.recording);
  errno = saved;
}

bool records_children() { return options.children; }

void describe_child(const ledger::Header& parent) {
  ledger::Header& header = *ledger_file.header();
  describe_process(header);
  header.program = parent.program;
  header.program_module = parent.program_module;
  header.suppressions = parent.suppressions;
  header.directory = ledger_file.add_text(record_dir());
  header.parent_pid = parent.pid;
  // Clock and numbers go on, so that what a block inherited says of its birth stays true.
  header.sequence = parent.sequence;
}

void ready_to_record(bool recording) {
  ledger::Header& header = *ledger_file.header();
  tune_clock(header);
  header.recording = recording ? 1 : 0;
  header.pauses = recording ? 0 : 1;
  header.option_recording = static_cast<std::uint32_t>(recording ? ledger::Recording::kOn : ledger::Recording::kPaused);
  sign(header);
  open_live_table();
  // Records tell where things are in memory: a caller with fewer rights reads that when it is of no use any more.
  if (files_would_be_callers()) options.write = ledger::WriteMode::kExit;
  configure_writer(options);
  configure_helper(options.delay_ms, config_path, config_is_named);
  if (!recording) some_blocks_are_unknown();
  set_phase(recording ? Phase::kRecording : Phase::kPaused);
  // Somebody must see the config file change, and a tool's wish. And a program that may change its root needs somebody
  // who still reaches the directory then.
  const bool may_change_root = options.write != ledger::WriteMode::kBehind && sys::effective_user() == 0;
  if (config_found || !recording || may_change_root) helper_is_needed();
}

}  // namespace leakdir
