// SPDX-License-Identifier: BSL-1.0
//
// What a thread has said of its next allocations: where the next one stands in the source (leakdir/trace.h), and that
// what comes is not to be listed (leakdir_ignore_begin). It is kept for the thread until an allocation comes that it
// can mean. The hooks see a bit of the word that they look at anyway (ThreadState::busy).

#pragma once

#include <cstddef>

#include "shared/ledger.hh"
#include "system/base.hh"
#include "system/guard.hh"

namespace leakdir {

// What the calling thread says of its next allocation, from the macro hook.
void place_of_next_block(const char* file, Place place);
// Forgets what was said further in than in the function with this frame: it was not meant for what comes now.
void forget_places_within(std::uintptr_t frame);

// What the calling thread allocates from now on is recorded and not listed. Nests.
void ignore_from_now_on();
void end_ignoring();

// What was said of this allocation is taken out of what the thread has said. No file: no place was.
struct Remarks {
  Place place;
  unsigned flags;  // of the block
};
Remarks take_remarks(ThreadState& thread, std::size_t size, ledger::Call call, Caller caller);

}  // namespace leakdir
