// SPDX-License-Identifier: BSL-1.0
//
// What orders a hook's stores before its loads, for those who look at them from other threads.

#pragma once

#include "system/base.hh"

namespace leakdir {

// Where the system cannot make all threads pass a barrier, each free has one.
LEAKDIR_OURS extern bool frees_have_barriers;

// Called in a hook, between its store (a block is live) and its load (does the helper sleep?). The helper does it the
// other way round: it stores that it sleeps, calls order_all_hooks(), and looks for live blocks. One of the two sees
// the other's store.
inline void hook_barrier() {
  if (LEAKDIR_UNLIKELY(frees_have_barriers)) __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

}  // namespace leakdir
