// SPDX-License-Identifier: BSL-1.0
//
// Which blocks are live: the records in the ledger, and the index in private memory that finds a block by its address.
//
// Threads that touch different blocks share nothing but a list of free records, which one in some thirty calls asks; a
// signal handler may interrupt any function here and call it again. An address belongs to one caller at a time (it has
// it from malloc, or hands it to free); where a faulty program frees a block twice at once, exactly one of the two
// finds it.

#pragma once

#include <cstdint>

#include "shared/ledger.hh"
#include "system/guard.hh"

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

struct AddedBlock {
  std::uint32_t index;     // of its record; 0: there was no room, and that is counted
  std::uint32_t replaced;  // a record that the index had for this place; 0: none, as it should be
};

// At start, and again in a forked child.
void open_live_table();

// Makes the block live. `scratch` is the thread's; null in a nested call, and where the thread has none.
AddedBlock add_live_block(const NewBlock& block, ThreadScratch* scratch);

// Takes the block at `address` out of the index and marks its record freed. The record is still the caller's: it must
// either put it back (put_back_live_block) or give it up (reuse_block). If kFlagFiled is among its flags, its file is
// the caller's to remove, and nobody else's.
TakenBlock take_live_block(std::uint64_t address);
void put_back_live_block(const TakenBlock& block);
void reuse_block(std::uint32_t number, ThreadScratch* scratch);

// The same for AddedBlock::replaced: it was freed in a way that passed by the hooks.
TakenBlock take_replaced_block(std::uint32_t number);

// Freed records that wait for something, in a chain: the link takes the place of the time.
void chain_record(std::uint32_t record, std::uint32_t next);
std::uint32_t next_record(std::uint32_t record);

// For the writer, which sets kFlagFiled of blocks that other threads free meanwhile. After it has set flags it calls
// order_all_hooks() (a system call): of each of these blocks that is live after that, free finds the flag. Of each that
// is freed, who gets true from take_filed_flag() has its file to remove.
void order_all_hooks();
bool take_filed_flag(std::uint32_t number);

// In a hook, between a store that the helper thread looks for and a load of what that stores before it looks; the
// helper's side is order_all_hooks().
void hook_barrier();

// Of a forked child that has no ledger of its own yet: forgets the address and leaves the parent's record alone.
void forget_inherited_block(std::uint64_t address);

// The record of a live address, 0 if there is none.
std::uint32_t find_live_block(std::uint64_t address);

// Sets flags of a live block, unless it was freed meanwhile. Returns whether it is still live.
bool set_block_flags(std::uint32_t number, std::uint64_t word0_seen, unsigned set, unsigned clear);

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

// For a forked child: calls `visit` for each block that was live at the fork, with an address that shares its cell
// (AddressMap::share) and its record in the parent's ledger. Then clear_live_table(), before its own ledger takes them
// in again.
void for_each_indexed(void (*visit)(std::uint64_t near, std::uint32_t index, void* context), void* context);
void clear_live_table();

}  // namespace leakdir
