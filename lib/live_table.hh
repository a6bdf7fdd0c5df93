// SPDX-License-Identifier: BSL-1.0
//
// Which blocks are live: the records in the ledger, and the index in private memory that finds a block by its address.
//
// Lock-free: threads that touch different blocks share no lock, and a signal handler may interrupt any function here
// and call it again. An address belongs to one caller at a time (it has it from malloc, or hands it to free); where a
// faulty program frees a block twice at once, exactly one of the two finds it.

#pragma once

#include <cstdint>

#include "guard.hh"
#include "ledger.hh"

namespace leakdir {

struct NewBlock {
  std::uint64_t address;
  std::uint64_t size_bytes;
  std::uint64_t sequence;
  std::uint64_t ticks;
  std::uint32_t stack;
  std::uint16_t thread;
  ledger::Call call;
  unsigned flags;
};

// A block that has just been taken out.
struct TakenBlock {
  std::uint32_t index;  // of its record; 0: the address was not live
  ledger::Block was;
};

// Makes the block live. False when there was no room: it is not recorded, and counted.
bool add_live_block(const NewBlock& block, unsigned pool);

// Takes the block at `address` out of the index and marks its record freed. The record is still the caller's: it must
// either put it back (put_back_live_block) or give it up (reuse_block).
TakenBlock take_live_block(std::uint64_t address);
void put_back_live_block(const TakenBlock& block);
void reuse_block(std::uint32_t index, unsigned pool);

// Of a forked child that has no ledger of its own yet: forgets the address and leaves the parent's record alone.
void forget_inherited_block(std::uint64_t address);

// The record of a live address, 0 if there is none.
std::uint32_t find_live_block(std::uint64_t address);

// Sets flags of a live block, unless it was freed meanwhile. Returns whether it is still live.
bool set_block_flags(std::uint32_t index, std::uint64_t word0_seen, unsigned set, unsigned clear);

// The live block that `address` lies inside (not at its start), by a walk over all records: for bad frees.
std::uint32_t find_block_around(std::uint64_t address);

// The record that a freed block had, as long as no other block has it: for double frees. 0 if it is not to be found.
std::uint32_t find_freed_block(std::uint64_t address);

// One past the last record. Records are 1 …; those at multiples of kBlocksPerPage are page marks.
std::uint32_t block_records();

// At the end: the space of records that are not in use goes back to the file system. What becomes live later takes new
// records.
void give_back_free_records();

// A page of kBlocksPerPage records is marked when a block in it becomes live. take_page_mark clears the mark and
// returns whether it was set; what became live before is visible afterwards.
bool take_page_mark(std::uint32_t page);
void set_page_mark(std::uint32_t page);

// For a forked child: calls `visit(address, record index in the parent's ledger)` for each block that was live at the
// fork, then clear_live_table() before its own ledger takes them in again.
void for_each_indexed(void (*visit)(std::uint64_t low_address_bits, std::uint32_t index, void* context), void* context);
void clear_live_table();

}  // namespace leakdir
