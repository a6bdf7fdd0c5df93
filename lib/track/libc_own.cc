// SPDX-License-Identifier: BSL-1.0
#include "libc_own.hh"

#include <sys/auxv.h>

#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "system/base.hh"
#include "system/find_export.hh"
#include "system/guard.hh"
#include "system/loader.hh"
#include "system/process.hh"

extern "C" {
// In a static program a weak reference alone does not bring it in: see static_only.cc.
__attribute__((weak)) void __libc_freeres();
__attribute__((weak)) int __cxa_thread_atexit_impl(void (*)(void*), void*, void*);
}
namespace __gnu_cxx {
__attribute__((weak)) void __freeres();
}

namespace leakdir {

namespace {

// That of call_when_exit_begins. A forked child has its parent's.
std::uint64_t entry = 0;
bool entry_is_freed_next = false;

}  // namespace

void call_when_exit_begins(void (*begin)(void*)) {
  if (__cxa_thread_atexit_impl == nullptr) return;
  thread_state.busy |= ThreadState::kDryRun;
  signal_fence();
  __cxa_thread_atexit_impl(begin, nullptr, &entry);
  signal_fence();
  thread_state.busy &= ~ThreadState::kDryRun;
}

bool is_libcs_entry(const void* block) {
  if ((thread_state.busy & ThreadState::kDryRun) == 0) return false;
  entry = reinterpret_cast<std::uintptr_t>(block);
  return true;
}

void libc_frees_its_entry() {
  entry_is_freed_next = true;
  signal_fence();
  thread_state.busy |= ThreadState::kDryRun;
}

namespace {

int see_loaded(dl_phdr_info* info, std::size_t, void* count) {
  const bool is_vdso = range_of(*info).has(reinterpret_cast<const void*>(::getauxval(AT_SYSINFO_EHDR)));
  *static_cast<unsigned*>(count) += is_vdso ? 0 : 1;
  return 0;
}

// A static program whose libc has loaded something, for a conversion of characters or for names. glibc 2.41 would
// unload it, and the libc.so that came with it before what still calls that. What is libc's own its functions' names
// tell, as in a program that is killed.
bool has_loaded_into_static() {
  unsigned modules = 0;
  if (is_static_program()) for_each_module(see_loaded, &modules);
  return modules > 1;
}

// What libc has read for a state of the program's (of the resolver: its configuration), and keeps for others, too.
bool is_shared_with_program(std::uint32_t node) {
  for (; node != 0; node = ledger_file.node(node)->parent) {
    const ledger::Node& frame = *ledger_file.node(node);
    if (ledger::high16(frame.pc_module) == ledger::kPlaceModule) continue;
    if ((frame.line & ledger::kNodeLibcTwoBelow) != 0) return true;
  }
  return false;
}

bool is_libc_to_be_asked() { return __libc_freeres != nullptr && !has_loaded_into_static(); }

}  // namespace

void disown_blocks_shared_with_libc() {
  if (!is_libc_to_be_asked()) return;
  for_each_row(all_block_rows(), [](std::uint32_t row) {
    const std::uint64_t word = state_word(row);
    if (ledger::block_state(word) != ledger::BlockState::kLive) return;
    if ((ledger::block_flags(word) & ledger::kFlagLibc) == 0) return;
    if (is_shared_with_program(stack_of(copy_row(row)))) set_block_flags(row, word, 0, ledger::kFlagLibc);
  });
}

void mark_blocks_of_libc() {
  const GuardedScope guarded;
  // Of a sample only what may belong to it is looked at when it is freed; while paused, everything is.
  const Phase now = phase();
  if (now == Phase::kSampling) set_phase(Phase::kPaused);
  entry_is_freed_next = false;
  thread_state.busy |= ThreadState::kDryRun;
  signal_fence();
  if (__gnu_cxx::__freeres != nullptr) {
    __gnu_cxx::__freeres();
  } else if (const void* later = exported_anywhere("_ZN9__gnu_cxx9__freeresEv")) {  // it came by dlopen
    reinterpret_cast<void (*)()>(const_cast<void*>(later))();
  }
  if (is_libc_to_be_asked()) __libc_freeres();
  signal_fence();
  thread_state.busy &= ~ThreadState::kDryRun;
  set_phase(now);
}

LEAKDIR_SLOW bool is_freed_after_all(std::uint64_t address) {
  if (entry_is_freed_next) {
    // A handler of a signal may come between, and free its own.
    if (address != entry) return true;
    entry_is_freed_next = false;
    thread_state.busy &= ~ThreadState::kDryRun;
    return false;  // few bytes, and the process ends: nothing more is to be told of it
  }
  const std::uint32_t row = find_live_block(address);
  if (row != 0) set_block_flags(row, state_word(row), ledger::kFlagLibc, 0);
  return false;
}

}  // namespace leakdir
