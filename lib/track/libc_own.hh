// SPDX-License-Identifier: BSL-1.0
//
// Which live blocks libc and the C++ runtime keep for themselves. At exit they are asked: both have a function that
// frees all of it (for Valgrind); it is called last of all, and what it would free is marked, not freed.

#pragma once

#include <cstdint>

namespace leakdir {

// Marks libc's own blocks (kFlagLibc). Call it once, when the program has run its last destructor and has one thread:
// libc's own tables are emptied by it.
void mark_blocks_of_libc();

// Meanwhile (ThreadState::dry_run), for each block that they free.
void libc_would_free(std::uint64_t address);

}  // namespace leakdir
