// SPDX-License-Identifier: BSL-1.0
#include "stderr_keeper.hh"

#include <sys/prctl.h>

#include <cstdint>

#include "base.hh"
#include "call_numbers.hh"
#include "hidden_thread.hh"
#include "sys.hh"

namespace leakdir {
namespace {

enum Wish : std::uint32_t { kNothing, kWrite, kEnd };

int owner = 0;                  // in ordinary memory: a child finds its parent's
std::uint32_t keeper = 0;       // its thread; the kernel clears it when it is gone
std::uint32_t wish = kNothing;  // both sleep on it
const iovec* pieces_to_write = nullptr;
int count_to_write = 0;

bool is_there() { return __atomic_load_n(&keeper, __ATOMIC_ACQUIRE) != 0; }

void set_wish(Wish what) {
  __atomic_store_n(&wish, what, __ATOMIC_RELEASE);
  sys::wake(&wish);
}

int keep(void*) {
  constexpr std::uint64_t kWaitNs = 1000000000;
  sys::call(SYS_prctl, PR_SET_NAME, reinterpret_cast<long>("leakdir"));
  // (From Linux 5.9.)
  bool goes_on = sys::call(SYS_close_range, 0, 1, 0) == 0 && sys::call(SYS_close_range, 3, 0xffffffffl, 0) == 0;
  while (goes_on) {
    switch (__atomic_load_n(&wish, __ATOMIC_ACQUIRE)) {
      case kNothing:
        sys::wait_on(&wish, kNothing, kWaitNs);
        break;
      case kWrite:
        sys::write_message(2, pieces_to_write, count_to_write);
        set_wish(kNothing);
        break;
      default:
        goes_on = false;
    }
  }
  sys::call(SYS_exit, 0);
  return 0;
}

}  // namespace

bool stderr_is_kept() { return owner != 0 && owner == sys::pid() && is_there(); }

LEAKDIR_SLOW void keep_stderr() {
  // A filter of system calls may not let a thread be made, and may kill for it.
  if (!sys::kBareCalls || is_there() || sys::call(SYS_prctl, PR_GET_SECCOMP) != 0) return;
  owner = sys::pid();
  if (!start_hidden_thread(keep, make_hidden_stack(), &keeper)) owner = 0;
}

LEAKDIR_SLOW void write_to_kept_stderr(const iovec* pieces, int count) {
  constexpr std::uint64_t kWaitNs = 10000000;
  pieces_to_write = pieces;
  count_to_write = count;
  set_wish(kWrite);
  while (__atomic_load_n(&wish, __ATOMIC_ACQUIRE) == kWrite && is_there()) sys::wait_on(&wish, kWrite, kWaitNs);
}

void let_go_of_stderr() {
  if (stderr_is_kept()) set_wish(kEnd);
}

}  // namespace leakdir
