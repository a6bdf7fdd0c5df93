// SPDX-License-Identifier: BSL-1.0
//
// In a plain -static program libgcc's unwinder looks for tables under a mutex. If a thread forks while another one
// holds it, the child finds it locked for ever, and would hang in its first stack. So fork() waits until no capture is
// under way, and captures that begin meanwhile wait for it: each for a bounded time, as a handler may have left a
// capture by longjmp.

#pragma once

namespace leakdir {

// While one exists, the thread may be in the unwinder. Costs nothing where the unwinder has no mutex.
class UnwinderInUse {
 public:
  UnwinderInUse();
  ~UnwinderInUse();
  UnwinderInUse(const UnwinderInUse&) = delete;
  UnwinderInUse& operator=(const UnwinderInUse&) = delete;
};

// Once, at start, in a program whose unwinder has a mutex.
void hold_unwinder_at_fork();

}  // namespace leakdir
