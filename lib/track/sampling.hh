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

#include "ledger/live_hot.hh"
#include "shared/ledger.hh"
#include "system/allocator.hh"
#include "system/base.hh"
#include "system/guard.hh"
#include "system/process.hh"

namespace leakdir {

// Whether it begins where those of the sample do. The allocator may have 16 bytes of its own in front of a block that
// has pages to itself.
inline bool may_be_sampled(const void* block) { return (reinterpret_cast<std::uintptr_t>(block) & 0xfe0) == 0; }

// Of a block that begins there: whether it is none of the sample. Asked without a call, and in as few steps as can be:
// what is freed there is handed out there again, over and over.
inline bool is_unknown_to_sample(const void* block) {
  const AddressMap::Cell* const cell = live_index.find(reinterpret_cast<std::uintptr_t>(block));
  return cell == nullptr || cell->load(std::memory_order_relaxed) == 0;
}

// Counts a block that is not due, and says whether that was so. Of one that is due, of any size, nothing is counted;
// nor is of one of SIZE_MAX bytes, which nobody can have.
inline bool count_down(ThreadState& thread, std::size_t size) {
  std::uint64_t left;
  if (LEAKDIR_UNLIKELY(__builtin_sub_overflow(thread.sample_left, std::uint64_t{size} + 1, &left))) return false;
  thread.sample_left = left;
  return true;
}

// In phase kSampling: counts the block, and says whether nothing else is to be done. It may be asked before the block
// is there: of one that cannot be had, which is not counted where it would be due, something may be counted, as bytes
// that nobody has drawn make the next ones no likelier.
inline bool is_passed_over(std::size_t size) {
  ThreadState& thread = thread_state;
  return LEAKDIR_LIKELY(thread.busy == 0) && count_down(thread, size);
}

// Of a block that was not passed over: whether it is due. Then the next one is drawn; else it is counted.
bool is_drawn(ThreadState& thread, std::size_t size);

// In a forked child that has no ledger of its own yet: from now on other numbers are drawn than in its parent.
void draw_as_a_child(ThreadState& thread);

// The block that is handed out in place of one that is due: itself, where it may be a block of the sample, or its like
// elsewhere. Where there is no memory for it, it is not recorded: may_be_sampled() tells. Null as from malloc.
void* as_sampled(void* block, std::size_t size, ledger::Call call);

// At start. 0: every block is recorded. So it is, and that is returned, where the allocator below is not to be asked
// for blocks on pages.
std::uint32_t configure_sampling(std::uint32_t sample_bytes);

}  // namespace leakdir
