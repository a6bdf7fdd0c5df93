// SPDX-License-Identifier: BSL-1.0
#include "describe.hh"

#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>

#include "files/record_dir.hh"
#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "ledger/periods.hh"
#include "ledger/recent_frees.hh"
#include "ledger/usable_size.hh"
#include "option_sources.hh"
#include "system/loader.hh"
#include "system/own_memory.hh"
#include "system/sys.hh"
#include "track/bypass.hh"

extern "C" __attribute__((weak)) const char* __lsan_default_suppressions(void);

namespace leakdir {
namespace {

std::uint32_t elf_machine() {
#if defined(__x86_64__)
  return EM_X86_64;
#elif defined(__aarch64__)
  return EM_AARCH64;
#elif defined(__arm__)
  return EM_ARM;
#elif defined(__i386__)
  return EM_386;
#elif defined(__riscv)
  return EM_RISCV;
#elif defined(__s390__)
  return EM_S390;
#elif defined(__powerpc64__)
  return EM_PPC64;
#else
  return 0;
#endif
}

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
  header.sample_bytes = options.sample;
}

LEAKDIR_LARGE char path[4096];

// Without /proc, and by `ld.so PROGRAM`, which /proc takes for the program: as the program was called.
void find_program_path() {
  const bool is_run_by_loader = ::getauxval(AT_BASE) == 0 && !is_static_program();
  if (!is_run_by_loader && sys::read_link_at(AT_FDCWD, "/proc/self/exe", path, sizeof path) > 0) return;
  const auto* called = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  if (called == nullptr || sys::make_absolute(called, path, sizeof path) != 0) path[0] = '\0';
}

}  // namespace

const char* program_path() {
  if (path[0] == '\0') find_program_path();
  return path;
}

void describe_program() {
  ledger::Header& header = *ledger_file.header();
  describe_process(header);
  start_clock(header);
  header.program = ledger_file.add_text(program_path());
  header.directory = ledger_file.add_text(record_dir());
  if (__lsan_default_suppressions != nullptr && __lsan_default_suppressions() != nullptr) {
    header.suppressions = ledger_file.add_text(__lsan_default_suppressions());
  }
}

void describe_child(const ledger::Header& parent) {
  ledger::Header& header = *ledger_file.header();
  describe_process(header);
  header.program = parent.program;
  header.program_module = parent.program_module;
  header.suppressions = parent.suppressions;
  header.directory = ledger_file.add_text(record_dir());
  header.parent_pid = parent.pid;
  header.sampling_threads = options.sample != 0 ? 1 : 0;
  header.some_unknown = 1;  // what it inherited gets rows later, and not all of it
  inherit_bypass(parent);
  // Clock and numbers go on, so that what a block inherited says of its birth stays true.
  continue_numbers(parent);
}

void sign_ledger(bool recording) {
  ledger::Header& header = *ledger_file.header();
  tune_clock(header);
  header.recording = recording ? 1 : 0;
  header.own_memory = reinterpret_cast<std::uintptr_t>(own_memory());
  put_usable_size_asked();
  if (!all_blocks_are_known()) header.some_unknown = 1;
  header.pauses = recording ? 0 : 1;
  header.option_recording = static_cast<std::uint32_t>(recording ? ledger::Recording::kOn : ledger::Recording::kPaused);
  __atomic_store_n(&header.magic[0], ledger::kMagic[0], __ATOMIC_RELEASE);
}

}  // namespace leakdir
