// SPDX-License-Identifier: BSL-1.0
#include "libc_own.hh"

#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "system/base.hh"
#include "system/find_export.hh"
#include "system/guard.hh"

extern "C" {
// In a static program a weak reference alone does not bring it in: see static_only.cc.
__attribute__((weak)) void __libc_freeres();
}
namespace __gnu_cxx {
__attribute__((weak)) void __freeres();
}

namespace leakdir {

void mark_blocks_of_libc() {
  const GuardedScope guarded;
  thread_state.dry_run = true;
  signal_fence();
  if (__gnu_cxx::__freeres != nullptr) {
    __gnu_cxx::__freeres();
  } else if (const void* later = exported_anywhere("_ZN9__gnu_cxx9__freeresEv")) {  // it came by dlopen
    reinterpret_cast<void (*)()>(const_cast<void*>(later))();
  }
  if (__libc_freeres != nullptr) __libc_freeres();
  signal_fence();
  thread_state.dry_run = false;
}

LEAKDIR_SLOW void libc_would_free(std::uint64_t address) {
  const std::uint32_t row = find_live_block(address);
  if (row != 0) set_block_flags(row, state_word(row), ledger::kFlagLibc, 0);
}

}  // namespace leakdir
