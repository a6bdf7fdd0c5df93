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

// Before: what libc and the program have a part in is the program's, unless libc frees it then.
void disown_blocks_shared_with_libc();

// While it marks (ThreadState::kDryRun), for each block that is freed. False: it is not to be freed.
bool is_freed_after_all(std::uint64_t address);

// Has libc call `begin` when the calling thread ends, or calls exit: then before all exit handlers. libc makes a block
// for it, and gives it back right after the call: that one is no block of ours, not seen and not counted. Before
// recording has begun; `begin` must call libc_frees_its_entry.
void call_when_exit_begins(void (*begin)(void*));
void libc_frees_its_entry();

// Of a block from before start-up: whether it is that one.
bool is_libcs_entry(const void* block);

}  // namespace leakdir
