// SPDX-License-Identifier: BSL-1.0
//
// What a call means while the process is not simply recording (system/process.hh): before start-up, in a forked child
// that has no ledger of its own yet or is making it, paused, off. Such a call may be the one that makes leakdir start.

#pragma once

#include <cstddef>

#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

// Of an allocation. True: the process records by now, and it shall be recorded as usual.
bool is_recorded_after_all(const void* block, std::size_t size, ledger::Call call, Caller caller);

// Of a free. True: hand it on to the allocator and do nothing else.
bool is_only_handed_on(const void* block);

// ---- How recording starts: defined in entry/ ----

// For a call that comes before start. True: it has started now (entry_library.cc, entry_object.cc).
bool start_at_first_call(Caller caller);

// In a forked child, at its first allocation (fork.cc). True when allocations are recorded from now on.
bool start_in_child();

}  // namespace leakdir
