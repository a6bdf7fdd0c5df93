// SPDX-License-Identifier: BSL-1.0
//
// What is known of an address that is not live. The last free of each of the most recently freed addresses tells a
// double free: a table of fixed size in private memory, direct-mapped by address; an older entry gives way to a newer
// one. Wait-free; a reader that meets a writer may get a mixed entry of two frees, in the record of a bad free
// only.

#pragma once

#include <cstdint>

namespace leakdir {

struct FreedBlock {
  std::uint32_t stack;     // of its allocation
  std::uint64_t freed_by;  // return address of the free
};

// Gets the table's memory; without it nothing is remembered.
void open_recent_frees();

void remember_free(std::uint64_t address, const FreedBlock& block);

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
