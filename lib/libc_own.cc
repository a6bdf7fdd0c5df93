// SPDX-License-Identifier: BSL-1.0
#include "libc_own.hh"

#include "guard.hh"
#include "stack.hh"

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
  if (__gnu_cxx::__freeres != nullptr) __gnu_cxx::__freeres();
  if (__libc_freeres != nullptr) __libc_freeres();
  signal_fence();
  thread_state.dry_run = false;
}

}  // namespace leakdir
