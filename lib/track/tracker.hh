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
  std::uint32_t row;
  ledger::Block was;
};

// When the process records every block, and in the other phases before kPaused. `block`, which may be null, is
// returned, or one in its place (sampling.hh).
void* block_allocated(void* block, std::size_t size, ledger::Call call, Caller caller);
void* block_allocated_by_malloc(void* block, std::size_t size, Caller caller);  // most are
void* block_allocated_otherwise(void* block, std::size_t size, ledger::Call call, Caller caller);
// A block is freed: it is told, and handed to the allocator, unless that is a bad free. Not null. When the process
// records every block; and in the other phases before kOff, when it samples only what may be of the sample.
void free_block(void* block, Caller caller);
void free_block_otherwise(void* block, Caller caller);
SetAside begin_resize(void* block, Caller caller);
void* finish_resize(const SetAside& old, void* block, std::size_t size, ledger::Call call, Caller caller);
void undo_resize(const SetAside& old);

// Whether there is anything to tell of what is freed.
inline bool is_watching() { return LEAKDIR_LIKELY(phase() != Phase::kOff); }

void configure_tracker(const Options& options);

}  // namespace leakdir
