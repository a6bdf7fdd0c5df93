// SPDX-License-Identifier: BSL-1.0
//
// What a forked child has of its parent's ledger, which is shared and goes on: a mapping to read from, kept as long as
// the child lives, and the parent's before that for a child's child. Numbers of blocks and nodes go on from one
// generation to the next, so a number tells whose it is. Nothing is copied at the fork but the tables that are small.
//
// What is asked for here may have changed since the fork. Nodes never do; a block that the parent has freed and whose
// row it used again cannot be described any more.

#pragma once

#include <cstdint>

#include "periods.hh"
#include "shared/ledger.hh"

namespace leakdir {

// Empties ledger_file, for the child's own, and keeps what it was to be read from. A block with a number that is none
// of `numbers` was made since the fork, and is not inherited.
void keep_parents_ledger(const NumbersAtFork& numbers);
ledger::Header* parents_header();  // shared with the parent

// Modules, texts and periods have the same numbers in all generations: they are copied into the child's own ledger,
// which is new. False when there is no room.
bool settle_tables();

// The block that had this row at the fork. `near`: an address that shares its cell in the index. False when that is not
// to be known any more. The stack is its generation's.
bool find_inherited_block(std::uint64_t near, std::uint32_t row, ledger::Block* into);

// All rows of blocks that there are to be read from, each with the address that it has now: at the fork it may have had
// another.
std::uint64_t bytes_of_inherited_rows();
void for_each_inherited_row(void (*visit)(std::uint64_t address, std::uint32_t row));

// Null: the number is none of an ancestor's, or of one too far back.
const ledger::Node* inherited_node(std::uint32_t node);
// Where who translates an inherited node may write down which one of our own it is.
std::uint32_t* own_node_of(std::uint32_t node);

// The row in our own ledger for the thread of an inherited block; 0: none to be had.
std::uint16_t own_thread_of(std::uint32_t block_row, std::uint32_t thread);

}  // namespace leakdir
