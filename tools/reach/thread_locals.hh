// SPDX-License-Identifier: BSL-1.0
//
// Where the thread-local data of each module lie, for each thread: of those that the program was started with, and of
// those that came by dlopen. Read from the tables that glibc keeps for it, in the process that stands still.

#pragma once

#include <vector>

#include "load/snapshot.hh"
#include "still_process.hh"

namespace leakdir::tool {

// Sorted by address. `modules`: those that are known already. Empty where the tables do not look as glibc makes them,
// and on processors of which it is not known where a thread has its own.
std::vector<ThreadLocals> thread_locals_of(const StillProcess& process, const std::vector<Module>& modules);

// Those in which it lies; null: none.
const ThreadLocals* find_thread_locals(const std::vector<ThreadLocals>& sorted, std::uint64_t address);

}  // namespace leakdir::tool
