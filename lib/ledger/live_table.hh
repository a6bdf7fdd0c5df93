// SPDX-License-Identifier: BSL-1.0
//
// Which blocks are live: their rows in the ledger, and the index in private memory that finds a row by the block's
// address.
//
// Threads that touch different blocks share nothing but a list of free rows, which one in some thirty calls asks; a
// signal handler may interrupt any function here and call it again. An address belongs to one caller at a time (it has
// it from malloc, or hands it to free); where a faulty program frees a block twice at once, exactly one of the two
// finds it.

#pragma once

#include <cstdint>

#include "free_rows.hh"
#include "hook_barrier.hh"
#include "row.hh"
#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

// A block that has just been taken out.
struct TakenBlock {
  std::uint32_t row;  // its row; 0: the address was not live
  ledger::Block was;
};

// At start, and again in a forked child.
void open_live_table();

// Makes the block live. `free_rows` is the thread's; null in a nested call, and where the thread has
// none.
AddedBlock add_live_block(const NewBlock& block, FreeRows* free_rows);

// Takes the block at `address` out of the index and marks its row freed. The row is still the caller's: it must either
// put it back (put_back_live_block) or give it up (reuse_row). If kFlagFiled is among its flags, its file is the
// caller's to remove, and nobody else's.
TakenBlock take_live_block(std::uint64_t address);

// The same of a row that live_hot.hh has taken out of the index and marked.
TakenBlock take_marked_block(std::uint32_t row);

void put_back_live_block(const TakenBlock& block);

// The same for AddedBlock::replaced: that block was freed in a way that the hooks did not see.
TakenBlock take_replaced_block(std::uint32_t row);

// For the writer, which sets kFlagFiled of blocks that other threads free meanwhile. After it has set flags it calls
// order_all_hooks() (a system call): if such a block is live after that, free will find the flag. If it is freed,
// whoever gets true from take_filed_flag() has to remove its file.
void order_all_hooks();
bool take_filed_flag(std::uint32_t row);

// For a forked child that has no ledger of its own yet: forgets the address and leaves the parent's row alone.
void forget_inherited_block(std::uint64_t address);

// The row of a live address, 0 if there is none, or none of our own.
std::uint32_t find_live_block(std::uint64_t address);
// Whether it is live, inherited or not.
bool is_live_block(std::uint64_t address);

// Sets flags of a live block, unless it was freed meanwhile. Returns whether it is still live.
bool set_block_flags(std::uint32_t row, std::uint64_t word0_seen, unsigned set, unsigned clear);

// The live block that `address` lies inside (not at its start), by a search of all rows: for bad frees.
std::uint32_t find_block_around(std::uint64_t address);

// The row that a freed block had, as long as no other block has it: for double frees. 0 if it is not to be found.
std::uint32_t find_freed_block(std::uint64_t address);

// All rows that there are now.
RowRange all_block_rows();

// At the end: the space of rows that are not in use goes back to the file system. What becomes live later takes new
// rows.
void give_back_free_rows();

// A page of rows is marked when a block in it becomes live. take_page_mark clears the mark and
// returns whether it was set; what became live before is visible afterwards.
bool take_page_mark(std::uint32_t page);
void set_page_mark(std::uint32_t page);

// In a forked child the index has also what was live at the fork, under its row in the parent's ledger: the numbers of
// rows of our own are higher. take_live_block() finds these blocks too. Who knows what they are is given here: `near`
// is an address that shares the block's cell (AddressMap::share). False: no more is known than that.
using DescribeInherited = bool(std::uint64_t near, std::uint32_t row, NewBlock* into);
LEAKDIR_OURS extern DescribeInherited* describe_inherited;
// All that can be described get a row of our own.
void adopt_inherited_blocks();

}  // namespace leakdir
