// SPDX-License-Identifier: BSL-1.0
//
// What every hook does beside forwarding: a block is told to the tracker after the allocator has handed it out, and
// before it is handed back: its address may be another thread's right after.

#pragma once

#include "system/allocator.hh"
#include "track/tracker.hh"

namespace leakdir {

inline void* told(void* block, std::size_t size, ledger::Call call, Caller caller) {
  const Phase now = phase();
  if (LEAKDIR_LIKELY(now == Phase::kRecording)) return block_allocated(block, size, call, caller);
  if (now < Phase::kPaused) return block_allocated_otherwise(block, size, call, caller);
  return block;
}

inline void release(void* block, Caller caller) {
  // The allocator will read the block's header, and waits less when it is fetched meanwhile.
  // Computed as a number, because the block may be null.
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(block) - sizeof(std::size_t)), 1);
  const Phase now = phase();
  if (LEAKDIR_UNLIKELY(block == nullptr)) return allocator::free(block);
  if (LEAKDIR_LIKELY(now == Phase::kRecording)) return free_block(block, caller);
  if (LEAKDIR_LIKELY(now != Phase::kOff)) return free_block_otherwise(block, caller);
  allocator::free(block);
}

// realloc, and reallocarray where the product is a size.
void* resize(void* block, std::size_t size, ledger::Call call, Caller caller);

}  // namespace leakdir
