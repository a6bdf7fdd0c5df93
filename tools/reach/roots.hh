// SPDX-License-Identifier: BSL-1.0
//
// Which memory of a process that stands still is no root although it is the program's: what lies beyond the end of each
// thread's stack, the stacks of threads that have ended, and leakdir's own. And which blocks are stacks.

#pragma once

#include <cstdint>
#include <vector>

#include "reach_stacks.hh"
#include "still_process.hh"

namespace leakdir::tool {

// The table that the ledger leads to; sorted. Empty: it has none, or it cannot be read.
std::vector<reach::Stretch> own_memory_of(const StillProcess& process);
bool is_in(const std::vector<reach::Stretch>& sorted, std::uint64_t address);

// All of the stack that the thread runs on; empty where that is not known.
reach::Stretch stack_of(const StillProcess& process, const Registers& registers);

// What lies beyond the ends of the threads' stacks, where these are known.
std::vector<reach::Stretch> unused_parts_of_stacks(const StillProcess& process,
                                                   const std::vector<StillThread>& threads);

// Those that have ended, whose stacks glibc keeps for threads to come.
std::vector<reach::EndedThread> ended_threads(const StillProcess& process);

}  // namespace leakdir::tool
