// SPDX-License-Identifier: BSL-1.0
//
// What is known of an address that is not live. The last free of each of the most recently freed addresses tells a
// double free: a table of fixed size in private memory, direct-mapped by address; an older entry gives way to a newer
// one. Wait-free; a reader that meets a writer may get a mixed entry of two frees, in the record of a bad free
// only.

#pragma once

#include <atomic>
#include <cstdint>

#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

struct FreedBlock {
  std::uint32_t stack;     // of its allocation, as its row had it
  std::uint64_t freed_by;  // return address of the free
};

// Gets the table's memory; without it nothing is remembered.
void open_recent_frees();

// Three quantities in two words: address (48) | upper half of the stack (16); caller (48) | its lower half (16). The
// stack is what word 1 of the block's row has in its upper 32 bits.
// Threads whose heaps share a part may write the same entry at once: each word is one of theirs then, and the two may
// be of different frees: mostly their address bits tell. Nothing is ordered here, and nothing waits.
struct RecentFree {
  std::atomic<std::uint64_t> address_stack;
  std::atomic<std::uint64_t> caller_stack;
};
LEAKDIR_OURS extern RecentFree* recent_frees;

// A part of the table for the addresses of each 64 MiB: glibc's arenas lie in regions of that size, so threads with
// arenas of their own write to different parts. Each free writes somewhere in its heap's part, so a part is small
// enough to stay in the cache. Blocks that are neighbours in the heap have entries that are neighbours.
inline constexpr unsigned kFreesRegionBits = 26, kFreesPartBits = 11, kFreesParts = 16, kFreesStretchBits = 5;
inline RecentFree& recent_free_of(RecentFree* table, std::uint64_t address) {
  const std::uint64_t part = address >> kFreesRegionBits & (kFreesParts - 1);
  const std::uint64_t in_part = address >> kFreesStretchBits & ((1 << kFreesPartBits) - 1);
  return table[part << kFreesPartBits | in_part];
}

// `word1` is of the row that the block had.
inline void remember_free_in(RecentFree* table, std::uint64_t address, std::uint64_t freed_by, std::uint64_t word1) {
  RecentFree& entry = recent_free_of(table, address);
  entry.address_stack.store(address << 16 | word1 >> 48, std::memory_order_relaxed);
  entry.caller_stack.store(freed_by << 16 | (word1 >> 32 & 0xffff), std::memory_order_relaxed);
}

inline void remember_free(std::uint64_t address, std::uint64_t freed_by, std::uint64_t word1) {
  if (LEAKDIR_LIKELY(recent_frees != nullptr)) remember_free_in(recent_frees, address, freed_by, word1);
}

// The address was handed out again unrecorded: to free it is right.
void forget_free(std::uint64_t address);

// The same, and nothing else is known of the block: from now on there are blocks that were never recorded.
void block_is_unknown(std::uint64_t address);

bool was_freed(std::uint64_t address, FreedBlock* into);

// From now on there are blocks that were never recorded.
void some_blocks_are_unknown();
bool all_blocks_are_known();

// Recording was paused: what was remembered is not true any more.
void forget_all_frees();

}  // namespace leakdir
