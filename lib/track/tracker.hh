// SPDX-License-Identifier: BSL-1.0
//
// What it means for a block to become live, to move, or to die. The hooks hand over to these functions and to nothing
// else. Each may be called from any thread, before start-up, in a forked child, in a signal handler that interrupted
// another one, and after the last destructor. None allocates, throws or changes errno.

#pragma once

#include <cstddef>
#include <cstdint>

#include "shared/ledger.hh"
#include "shared/options.hh"
#include "system/base.hh"
#include "system/guard.hh"
#include "system/process.hh"

namespace leakdir {

// A block that realloc is about to resize.
struct SetAside {
  bool recorded;  // it was live in the ledger; finish_resize or undo_resize must follow
  bool bad;       // no block of the allocator: do not resize it
  std::uint32_t index;
  ledger::Block was;
};

void block_allocated(void* block, std::size_t size, ledger::Call call, Caller caller);
// The allocator had none to give: what the thread had said of it is not said of the next.
void allocation_failed(std::size_t size, ledger::Call call, Caller caller);
// A block that is not to be recorded: to free it is no error.
void block_passes_by(const void* block);
// False: a bad free, do not hand it on.
bool block_freed(void* block, Caller caller);
SetAside begin_resize(void* block, Caller caller);
void finish_resize(const SetAside& old, void* block, std::size_t size, ledger::Call call, Caller caller);
void undo_resize(const SetAside& old);

// Whether there is anything to tell at all: of what is allocated, and of what is freed.
inline bool is_recording() { return LEAKDIR_LIKELY(phase() < Phase::kPaused); }
inline bool is_watching() { return LEAKDIR_LIKELY(phase() != Phase::kOff); }

void configure_tracker(const Options& options);

// Before start-up blocks are noted in a table of fixed size; this puts them into the ledger, as libc's own.
void import_early_blocks();

// For a forked child, whose ledger starts empty: a block that was live in the parent at the fork.
void inherit_block(const ledger::Block& block);

// What the calling thread says of its next allocation, from the macro hook.
void place_of_next_block(const char* file, Place place);
// What the calling thread allocates from now on is recorded and not listed. Nests.
void ignore_from_now_on();
void end_ignoring();

// Numbers handed out to later blocks are higher than what this returns.
std::uint64_t mark_sequence();

}  // namespace leakdir
