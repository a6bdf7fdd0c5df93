// SPDX-License-Identifier: BSL-1.0
#include "start.hh"

#include <errno.h>

#include "describe.hh"
#include "exit.hh"
#include "files/ended_children.hh"
#include "files/helper.hh"
#include "files/record_dir.hh"
#include "files/writer.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "option_sources.hh"
#include "shared/text.hh"
#include "stack/modules.hh"
#include "stack/stack.hh"
#include "stack/unwinder_in_use.hh"
#include "system/guard.hh"
#include "system/libc.hh"
#include "system/loader.hh"
#include "system/messages.hh"
#include "system/own_data.hh"
#include "system/process.hh"
#include "system/rights.hh"
#include "system/sanitizer.hh"
#include "system/sys.hh"
#include "track/bad_free.hh"
#include "track/bypass.hh"
#include "track/early_blocks.hh"
#include "track/sampling.hh"
#include "track/tracker.hh"

namespace leakdir {
namespace {

void configure_all() {
  configure_tracker(options);
  configure_capture(options.unwind, options.depth);
  configure_bad_free(options.on_bad_free == OnBadFree::kAbort);
  if (options.min_size != 0 || options.sample != 0) some_blocks_are_unknown();
}

// leakdir-static.o has parts of the libc that it was made from, which must be the one of the program.
void check_libc() {
  const char* const made_from = libc::release_in_object();
  if (made_from == nullptr || is_same_text(made_from, libc::running_release())) return;
  messages::libc_differs(made_from, libc::running_release());
}

}  // namespace

void start(char** environment) {
  const int saved = errno;
  const GuardedScope guarded;
  messages::remember_stderr();
  read_options(environment);
  if (options.help) print_option_help(messages::help_line);
  if (options.enabled && has_sanitizer()) messages::program_has_sanitizer();
  if (!options.enabled || has_sanitizer()) {
    set_phase(Phase::kOff);
    return;
  }
  if (options.summary) hear_of_exit();
  check_libc();
  Process* page = make_process_page();
  if (page == nullptr) messages::no_memory_at_start();
  if (page == nullptr || !claim_record_dir(options, program_path())) {
    set_phase(Phase::kOff);
    return;
  }
  page->phase.store(static_cast<std::uint32_t>(Phase::kEarly));
  process = page;
  process_generation = static_cast<std::uint32_t>(sys::pid());
  own_data_is_known();
  options.sample = configure_sampling(options.sample);
  describe_program();
  remember_namespaces();
  configure_all();
  open_recent_frees();
  hooks_are_outdated();
  const ReentryGuard guard;
  refresh_modules(guard);
  import_early_blocks();
  if (program_has_table_header()) {
    prime_unwinder(guard);
  } else {
    prepare_static_capture();
    hold_unwinder_at_fork();
  }
  ready_to_record(options.recording);
  errno = saved;
}

void ready_to_record(bool recording) {
  sign_ledger(recording);
  open_live_table();
  // Records tell where things are in memory: a caller with fewer rights reads that when it is of no use any more.
  if (files_would_be_callers()) options.write = ledger::WriteMode::kExit;
  if (options.write == ledger::WriteMode::kNever && !ledger_file.is_shared()) {
    options.write = ledger::WriteMode::kExit;
    messages::never_is_exit();
  }
  configure_writer(options);
  configure_ended_children(options.max_children);
  configure_helper(options.delay_ms, config_file.path, config_file.is_named);
  if (!recording) some_blocks_are_unknown();
  set_phase(recording ? recording_phase : Phase::kPaused);
  // Somebody must see the config file change, and a tool's wish. And a program that may change its root needs somebody
  // who still reaches the directory then.
  const bool writes_at_exit = options.write == ledger::WriteMode::kSync || options.write == ledger::WriteMode::kExit;
  const bool may_change_root = writes_at_exit && sys::effective_user() == 0;
  if (config_file.is_there || !recording || may_change_root) helper_is_needed();
}

}  // namespace leakdir
