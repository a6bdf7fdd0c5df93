// SPDX-License-Identifier: BSL-1.0
//
// Option `sample`: of all the bytes that the program asks for some are drawn, on average one in `sample`, each by
// itself (a Poisson process), and the blocks that they lie in are recorded as usual. What the rest costs is a countdown
// at malloc, and at free a look at the pointer: all blocks of the sample begin within the first bytes of a page of
// memory. The few others that happen to begin there are not found in the index, and go on to the allocator.
//
// A block counts for a byte more than was asked for, so that one of 0 bytes has its chance, too. So it is recorded with
// the probability 1 - exp(-(size + 1) / sample), and stands for the inverse of that (ledger::Header::sample_bytes).
//
// Nothing that is freed is judged: an address may have been handed out again unseen.

#pragma once

#include <cstddef>
#include <cstdint>

#include "shared/ledger.hh"
#include "system/base.hh"
#include "system/guard.hh"
#include "system/process.hh"

namespace leakdir {

// Whether it begins where those of the sample do. The allocator may have 16 bytes of its own in front of a block that
// has pages to itself.
inline bool may_be_sampled(const void* block) { return (reinterpret_cast<std::uintptr_t>(block) & 0xfe0) == 0; }

inline void count_down(ThreadState& thread, std::size_t size) {
  thread.sample_left =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(thread.sample_left) - (std::uint64_t{size} + 1));
}

// In phase kSampling: counts the block, and says whether nothing else is to be done. What failed is no block: its size
// may be any number.
inline bool is_passed_over(const void* block, std::size_t size) {
  if (LEAKDIR_UNLIKELY(block == nullptr)) return true;
  ThreadState& thread = thread_state;
  count_down(thread, size);
  return LEAKDIR_LIKELY(thread.sample_left >= 0) && LEAKDIR_LIKELY(thread.busy == 0);
}

// A block that has been counted is due. Then the next one is drawn.
bool is_drawn(ThreadState& thread, std::size_t size);

// In a forked child that has no ledger of its own yet: from now on other numbers are drawn than in its parent.
void draw_as_a_child(ThreadState& thread);

// The block that is handed out in place of one that is due: itself, where it may be a block of the sample, or its like
// elsewhere. Where there is no memory for it, it is not recorded: may_be_sampled() tells. Null as from malloc.
void* as_sampled(void* block, std::size_t size, ledger::Call call);

// At start. 0: every block is recorded.
void configure_sampling(std::uint32_t sample_bytes);

}  // namespace leakdir
