// SPDX-License-Identifier: BSL-1.0
//
// What every hook does beside forwarding: a block is told to the tracker after the allocator has handed it out, and
// before it is handed back: its address may be another thread's right after.

#pragma once

#include "system/allocator.hh"
#include "track/sampling.hh"
#include "track/tracker.hh"

namespace leakdir {

// What is handed back: the block, or one in its place (track/sampling.hh).
[[gnu::always_inline]] inline void* told(void* block, std::size_t size, ledger::Call call, Caller caller) {
  const Phase now = phase();
  if (LEAKDIR_LIKELY(now == Phase::kRecording)) {
    if (call == ledger::Call::kMalloc) return block_allocated_by_malloc(block, size, caller);
    return block_allocated(block, size, call, caller);
  }
  if (now > Phase::kRecording) return block;
  if (LEAKDIR_LIKELY(now == Phase::kSampling) && is_passed_over(size)) return block;
  return block_allocated_otherwise(block, size, call, caller);
}

// The allocator will read the block's header, and waits less when it is fetched meanwhile.
inline void fetch_header(const void* block) {
  // Computed as a number, because the block may be null.
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(block) - sizeof(std::size_t)), 1);
}

// Of a block that is not null, in another phase than kRecording: whether it is only to be handed back.
inline bool is_only_freed(const void* block, Phase now) {
  return now == Phase::kOff || (now == Phase::kSampling && LEAKDIR_LIKELY(!may_be_sampled(block)));
}

inline void release(void* block, Caller caller) {
  fetch_header(block);
  const Phase now = phase();
  if (LEAKDIR_UNLIKELY(block == nullptr)) return allocator::free(block);
  if (LEAKDIR_LIKELY(now == Phase::kRecording)) return free_block(block, caller);
  if (is_only_freed(block, now)) return allocator::free(block);
  free_block_otherwise(block, caller);
}

// realloc, and reallocarray where the product is a size.
void* resize(void* block, std::size_t size, ledger::Call call, Caller caller);

}  // namespace leakdir
