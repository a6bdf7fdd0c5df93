// SPDX-License-Identifier: BSL-1.0
//
// A row of the ledger's block table, three words (shared/ledger.hh); its number is that of the first. Other threads
// write them meanwhile, so they are read and written one by one, and never as a whole.

#pragma once

#include <cstdint>

#include "ledger_file.hh"
#include "shared/ledger.hh"

namespace leakdir {

// A new block as its row has it, but for the state.
struct NewBlock {
  std::uint64_t address;
  std::uint64_t call_and_flags;  // in their places in word 0
  std::uint64_t word1, word2;
};

// What became of a row for a new block.
struct AddedBlock {
  std::uint32_t row;       // its row; 0: there was no room, and that is counted
  std::uint32_t replaced;  // a row that the index had for this address; 0: none, as it should be
};

// Of the head of a page.
inline constexpr unsigned kPageMarkWord = 1;

inline std::uint64_t load_word(const ledger::Block& row, unsigned i, int order = __ATOMIC_RELAXED) {
  return __atomic_load_n(&row.word[i], order);
}
inline void store_word(ledger::Block& row, unsigned i, std::uint64_t word, int order = __ATOMIC_RELAXED) {
  __atomic_store_n(&row.word[i], word, order);
}

// Marks the page that the row lies in (live_table.hh). The pages of rows are pages of memory.
inline void set_page_mark_of(ledger::Block& row) {
  constexpr std::uintptr_t kPageBytes = ledger::kPageWords * sizeof row.word[0];
  static_assert(kPageBytes == 4096);
  auto* const head = reinterpret_cast<std::uint64_t*>(reinterpret_cast<std::uintptr_t>(&row) & ~(kPageBytes - 1));
  __atomic_store_n(&head[kPageMarkWord], 1, __ATOMIC_RELEASE);
}

// Word 0: address, state, call and flags.
inline std::uint64_t state_word(std::uint32_t row) { return load_word(*ledger_file.block(row), 0, __ATOMIC_ACQUIRE); }

// Freed rows that wait for something, in a chain. The link takes the place of the time: what else is known of a freed
// block stays, for a forked child that still has it (inheritance.cc).
inline std::uint32_t next_row(std::uint32_t row) {
  return static_cast<std::uint32_t>(ledger::block_time(load_word(*ledger_file.block(row), 1)));
}
inline void chain_row(std::uint32_t row, std::uint32_t next) {
  ledger::Block& block = *ledger_file.block(row);
  constexpr std::uint64_t kLink = ledger::kMostTime << ledger::kTimeShift;
  store_word(block, 1, std::uint64_t{next} << ledger::kTimeShift | (load_word(block, 1) & ~kLink));
}

// The row as it is now. Half of it may be another block's: is_same_block tells.
inline ledger::Block copy_row(const ledger::Block& row) {
  return {
      {load_word(row, 0, __ATOMIC_ACQUIRE), load_word(row, 1, __ATOMIC_ACQUIRE), load_word(row, 2, __ATOMIC_ACQUIRE)}};
}
inline ledger::Block copy_row(std::uint32_t row) { return copy_row(*ledger_file.block(row)); }

// Whether it has a record file, as far as the copy tells.
inline bool has_file(const ledger::Block& copy) {
  return (ledger::block_flags(copy.word[0]) & ledger::kFlagFiled) != 0;
}

// The node of a size that lies in front of a stack; null: none does.
inline const ledger::Node* size_node_of(std::uint32_t stack) {
  const ledger::Node* const node = ledger_file.node(stack);
  return stack != 0 && ledger::is_size_node(*node) ? node : nullptr;
}
inline std::uint32_t without_size(std::uint32_t stack) {
  const ledger::Node* const size = size_node_of(stack);
  return size != nullptr ? size->parent : stack;
}
inline std::uint32_t stack_of(const ledger::Block& block) { return without_size(ledger::block_stack(block.word[1])); }
inline std::uint64_t size_of(const ledger::Block& block) {
  const ledger::Node* const size = size_node_of(ledger::block_stack(block.word[1]));
  return ledger::block_size_in_row(block.word[2]) | (size != nullptr ? ledger::size_above_row(*size) : 0);
}

// The thread that made it; null: not known.
inline const ledger::Thread* thread_of(const ledger::Block& block) {
  const std::uint32_t index = ledger::block_thread(block);
  if (index == 0) return nullptr;
  const ledger::Thread* const thread = ledger_file.thread(index);
  return ledger::has_made(*thread, ledger::block_sequence(block.word[2])) ? thread : nullptr;
}

// Rows that follow each other: from the first to what is beyond the last.
struct RowRange {
  std::uint32_t first, end;
};
inline RowRange rows_of_page(std::uint32_t page) {
  return {page * ledger::kPageWords + ledger::kPageHeadWords, (page + 1) * ledger::kPageWords};
}
template <class Visit>
void for_each_row(RowRange rows, Visit visit) {
  for (std::uint32_t row = rows.first; row < rows.end; row = ledger::block_after(row)) visit(row);
}
// The first for which is(row) is true; 0: there is none.
template <class Is>
std::uint32_t find_row(RowRange rows, Is is) {
  for (std::uint32_t row = rows.first; row < rows.end; row = ledger::block_after(row)) {
    if (is(row)) return row;
  }
  return 0;
}

// Whether all words are still what `copy` says, but for the mark that the block has a file.
inline bool is_same_block(std::uint32_t row, const ledger::Block& copy) {
  const ledger::Block now = copy_row(row);
  return ((now.word[0] ^ copy.word[0]) & ~ledger::flag_bits(ledger::kFlagFiled)) == 0 && now.word[1] == copy.word[1] &&
         now.word[2] == copy.word[2];
}

}  // namespace leakdir
