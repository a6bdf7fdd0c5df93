// SPDX-License-Identifier: BSL-1.0
//
// Which live blocks are libc's own, or the C++ runtime's, beyond what the functions tell that they were allocated in
// (stack/frame_owner.hh), which serves while the program runs too. At exit libc and the runtime are asked: both have a
// function, made for Valgrind, that frees all that they keep. It is called last of all, and what it would free is
// marked, not freed.

#pragma once

#include <cstdint>

namespace leakdir {

// Marks libc's own blocks (kFlagLibc). Call it once, when the program has run its last destructor and has one thread:
// libc's own tables are emptied by it.
void mark_blocks_of_libc();

// Meanwhile (ThreadState::dry_run), for each block that they free.
void libc_would_free(std::uint64_t address);

}  // namespace leakdir
