// SPDX-License-Identifier: BSL-1.0
//
// Which live blocks the program can still reach, as seen from inside: at exit, and where the program asks. Each row
// gets its ledger::Reach. The search itself is shared/reach_*.hh.

#pragma once

#include <cstdint>

#include "exit_frame.hh"
#include "shared/ledger.hh"

namespace leakdir {

struct LostLook {
  ledger::ReachLook outcome;
  std::uint64_t unread_bytes;
};

// `thread` is the calling one. Where it is not the only one, it cannot be known what others hold in registers: then
// only what is reachable all the same is told, and of all other blocks nothing (ReachLook::kThreads).
//
// Allocates nothing by malloc; up to 32 bytes for each live block meanwhile. Stops nobody.
LostLook find_lost(const ThreadAtExit& thread, bool is_only_thread);

// What pthread_create allocates for a thread is libc's own, until the thread has ended: where nobody joins or detaches
// it then, that block is the program's (kFlagLibc is taken from it), as its stack stays too. Where the calling thread
// is the only one. (glibc on x86-64; not in a forked child, to which its parent's threads look like that.)
void disown_blocks_of_unjoined_threads();

}  // namespace leakdir
