// SPDX-License-Identifier: BSL-1.0
//
// A pointer that the program frees, or resizes, and that is not a live block: is that an error, and which?
//
// Cold. Called with the block not found in the live table. What leakdir has not recorded (allocated while paused, below
// min_size, no block of the sample, or when the ledger was full) is never called a bad free.

#pragma once

#include <cstdint>

#include "shared/ledger.hh"
#include "system/base.hh"
#include "system/guard.hh"

namespace leakdir {

// Judges the pointer, and if it is bad, records that (ledger, .badfree file, one line on stderr; abort() if so wished).
// True: bad, do not hand it to glibc. `is_realloc` chooses the words.
bool is_bad_free(std::uint64_t address, bool is_realloc, Caller caller, ThreadState& thread, const ReentryGuard& guard);

void configure_bad_free(bool abort_on_bad_free);

}  // namespace leakdir
