// SPDX-License-Identifier: BSL-1.0
#include "hidden_thread.hh"

#include <errno.h>
#include <sched.h>

#include "base.hh"
#include "libc.hh"
#include "own_memory.hh"
#include "sys.hh"

namespace leakdir {
namespace {

constexpr std::size_t kStackBytes = 64 << 10;
constexpr std::uint64_t kAllSignals = ~std::uint64_t{0};

}  // namespace

LEAKDIR_SLOW char* make_hidden_stack() {
  auto* const stack = static_cast<char*>(sys::map_private(kStackBytes));
  memory_is_own(stack, kStackBytes);
  return stack;
}

LEAKDIR_SLOW bool start_hidden_thread(int (*run)(void*), char* stack, std::uint32_t* alive) {
  if (stack == nullptr) return false;
  std::uint64_t old_signals = 0;
  sys::set_signal_mask(&kAllSignals, &old_signals);
  const int saved = errno;
  constexpr int kFlags =
      CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  const bool is_made = libc::clone_thread(run, stack + kStackBytes, kFlags, alive) >= 0;
  errno = saved;
  sys::set_signal_mask(&old_signals, nullptr);
  return is_made;
}

}  // namespace leakdir
