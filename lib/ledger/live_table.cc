// SPDX-License-Identifier: BSL-1.0
#include "live_table.hh"

#include <atomic>

#include "inheritance.hh"
#include "ledger_file.hh"
#include "live_hot.hh"
#include "recent_frees.hh"
#include "row.hh"
#include "system/allocator.hh"
#include "system/base.hh"
#include "system/sys.hh"

namespace leakdir {

LEAKDIR_LARGE AddressMap live_index;
bool frees_have_barriers = true;

using ledger::Block;
using ledger::BlockState;

DescribeInherited* describe_inherited = nullptr;

namespace {

std::uint32_t first_own_row() { return ledger_file.first(ledger::Kind::kBlocks); }

// What is in the index under the row of an ancestor. Our own rows of such numbers are zeros: they are never taken for
// the block's.
bool is_inherited(std::uint32_t row) { return row != 0 && row < first_own_row(); }

}  // namespace

LEAKDIR_SLOW AddedBlock block_not_added() {
  __atomic_fetch_add(&ledger_file.header()->dropped_blocks, 1, __ATOMIC_RELAXED);
  return {};
}

void open_live_table() { frees_have_barriers = !sys::can_order_all_threads(); }

AddedBlock add_live_block(const NewBlock& block, FreeRows* free_rows) {
  return add_block(block, live_index.find_or_make(block.address), free_rows);
}

namespace {

TakenBlock end_of_block_slow(std::uint32_t row);

// An inherited block is taken: it gets a row of our own to be taken from, even where its address is all that is known.
LEAKDIR_SLOW TakenBlock take_inherited(std::uint64_t address) {
  AddressMap::Cell& cell = *live_index.find(address);
  std::uint32_t row = cell.load(std::memory_order_acquire);
  if (!is_inherited(row) || address % allocator::kAlignment != 0) return {};
  NewBlock block;
  // One that begins beside it in the same cell is not the one that is freed.
  if (describe_inherited(address, row, &block) && block.address != address) return {};
  // Meanwhile it may get a row of its own by another thread.
  if (!cell.compare_exchange_strong(row, 0, std::memory_order_acquire)) return take_live_block(address);
  const std::uint32_t own = take_row(nullptr);
  if (own == 0) {
    some_blocks_are_unknown();
    return {};
  }
  fill_row(own, block);
  return end_of_block_slow(own);
}

// `row` is no longer in the index: its row is freed, and the caller's.
[[gnu::always_inline]] inline TakenBlock end_of_block(std::uint32_t row, std::uint64_t word0) {
  Block& words = *ledger_file.block(row);
  TakenBlock taken = {row, {}};
  for (unsigned i = 1; i < ledger::kBlockWords; ++i) taken.was.word[i] = load_word(words, i);
  taken.was.word[0] = (word0 & ~kFlagByteBits) | std::uint64_t{mark_freed(words)} << 56;
  if (LEAKDIR_UNLIKELY((taken.was.word[0] & ledger::flag_bits(ledger::kFlagFiled)) != 0) && !take_filed_flag(row)) {
    taken.was.word[0] &= ~ledger::flag_bits(ledger::kFlagFiled);
  }
  return taken;
}

LEAKDIR_SLOW TakenBlock end_of_block_slow(std::uint32_t row) { return end_of_block(row, state_word(row)); }

}  // namespace

TakenBlock take_live_block(std::uint64_t address) {
  AddressMap::Cell* cell = live_index.find(address);
  if (cell == nullptr) return {};
  const std::uint32_t row = cell->load(std::memory_order_acquire);
  if (row == 0) return {};
  const std::uint64_t word0 = state_word(row);
  if (ledger::block_address(word0) != address) return take_inherited(address);
  if (!empty_cell(*cell, row)) return {};
  return end_of_block(row, word0);
}

TakenBlock take_marked_block(std::uint32_t row) {
  const std::uint64_t word0 = state_word(row);
  return end_of_block(row, word0);
}

TakenBlock take_replaced_block(std::uint32_t row) {
  const std::uint64_t word0 = state_word(row);
  return ledger::block_state(word0) == BlockState::kLive ? end_of_block_slow(row) : TakenBlock{};
}

void put_back_live_block(const TakenBlock& block) {
  Block& words = *ledger_file.block(block.row);
  for (unsigned i = 1; i < ledger::kBlockWords; ++i) store_word(words, i, block.was.word[i]);
  store_word(words, 0, block.was.word[0], __ATOMIC_RELEASE);
  set_page_mark_of(words);
  live_index.find(ledger::block_address(block.was.word[0]))->store(block.row, std::memory_order_release);
}

bool take_filed_flag(std::uint32_t row) {
  std::uint64_t* word0 = &ledger_file.block(row)->word[0];
  std::uint64_t seen = __atomic_load_n(word0, __ATOMIC_ACQUIRE);
  while (ledger::block_state(seen) == BlockState::kFreed && (seen & ledger::flag_bits(ledger::kFlagFiled)) != 0) {
    const std::uint64_t wanted = seen & ~ledger::flag_bits(ledger::kFlagFiled);
    if (__atomic_compare_exchange_n(word0, &seen, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return true;
  }
  return false;
}

void order_all_hooks() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (frees_have_barriers || sys::order_all_threads()) return;
  // Taken away meanwhile (a filter of system calls). From now on each free has its own; those that are under way have
  // a while to end.
  frees_have_barriers = true;
  sys::sleep_for(1000000);
}

void forget_inherited_block(std::uint64_t address) {
  // The parent goes on with the rows, so they say nothing about this address any more: the index alone decides.
  AddressMap::Cell* cell = live_index.find(address);
  if (cell != nullptr && cell->load(std::memory_order_relaxed) != 0) cell->store(0, std::memory_order_relaxed);
}

std::uint32_t find_live_block(std::uint64_t address) {
  const AddressMap::Cell* cell = live_index.find(address);
  const std::uint32_t row = cell == nullptr ? 0 : cell->load(std::memory_order_acquire);
  return row != 0 && ledger::block_address(load_word(*ledger_file.block(row), 0)) == address ? row : 0;
}

bool is_live_block(std::uint64_t address) {
  const AddressMap::Cell* cell = live_index.find(address);
  const std::uint32_t row = cell == nullptr ? 0 : cell->load(std::memory_order_acquire);
  if (LEAKDIR_LIKELY(row == 0)) return false;
  if (ledger::block_address(load_word(*ledger_file.block(row), 0)) == address) return true;
  return address % allocator::kAlignment == 0 && is_inherited(row);
}

bool set_block_flags(std::uint32_t row, std::uint64_t word0_seen, unsigned set, unsigned clear) {
  std::uint64_t* word0 = &ledger_file.block(row)->word[0];
  std::uint64_t seen = word0_seen;
  for (;;) {
    if (ledger::block_state(seen) != BlockState::kLive ||
        ledger::block_address(seen) != ledger::block_address(word0_seen)) {
      return false;
    }
    const std::uint64_t wanted = (seen | ledger::flag_bits(set)) & ~ledger::flag_bits(clear);
    if (__atomic_compare_exchange_n(word0, &seen, wanted, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return true;
  }
}

LEAKDIR_SLOW std::uint32_t find_block_around(std::uint64_t address) {
  return find_row(all_block_rows(), [address](std::uint32_t row) {
    const std::uint64_t word0 = state_word(row);
    if (ledger::block_state(word0) != BlockState::kLive) return false;
    const std::uint64_t start = ledger::block_address(word0);
    return address > start && address - start < size_of(copy_row(row));
  });
}

LEAKDIR_SLOW std::uint32_t find_freed_block(std::uint64_t address) {
  return find_row(all_block_rows(), [address](std::uint32_t row) {
    const std::uint64_t word0 = state_word(row);
    return ledger::block_state(word0) == BlockState::kFreed && ledger::block_address(word0) == address;
  });
}

RowRange all_block_rows() {
  return {first_own_row() + ledger::kPageHeadWords, ledger_file.used(ledger::Kind::kBlocks)};
}

void give_back_free_rows() {
  forget_free_rows();
  // How many pages stay is said when they are all that is left.
  static std::uint64_t kept;
  kept = 0;
  ledger::Header& header = *ledger_file.header();
  __atomic_store_n(&header.block_pages, 0, __ATOMIC_SEQ_CST);
  ledger_file.trim([](std::uint32_t page) {
    const std::uint32_t in_use = find_row(rows_of_page(page), [](std::uint32_t row) {
      const BlockState state = ledger::block_state(state_word(row));
      return state == BlockState::kLive || state == BlockState::kReserved;
    });
    if (in_use != 0) ++kept;
    return in_use == 0;
  });
  __atomic_fetch_add(&header.block_pages, kept, __ATOMIC_SEQ_CST);
}

bool take_page_mark(std::uint32_t page) {
  std::uint64_t* const mark = &ledger_file.block(page * ledger::kPageWords)->word[kPageMarkWord];
  if (__atomic_load_n(mark, __ATOMIC_RELAXED) == 0) return false;
  return __atomic_exchange_n(mark, 0, __ATOMIC_SEQ_CST) != 0;
}

void set_page_mark(std::uint32_t page) { set_page_mark_of(*ledger_file.block(page * ledger::kPageWords)); }

namespace {

void adopt(std::uint64_t near, AddressMap::Cell& cell) {
  std::uint32_t row = cell.load(std::memory_order_acquire);
  NewBlock block;
  if (!is_inherited(row) || !describe_inherited(near, row, &block)) return;
  const std::uint32_t own = take_row(nullptr);
  if (own == 0) return;
  fill_row(own, block);
  if (cell.compare_exchange_strong(row, own, std::memory_order_release)) return;
  end_of_block_slow(own);  // freed meanwhile
  reuse_row(own, nullptr);
}

// What has another address by now cannot be described any more.
void adopt_if_it_is_there(std::uint64_t address, std::uint32_t row) {
  AddressMap::Cell* const cell = live_index.find(address);
  if (cell != nullptr && cell->load(std::memory_order_acquire) == row) adopt(address, *cell);
}

}  // namespace

// By the rows or by the index, whichever is less to be read: of a small process the index is a leaf of 2 MiB, nearly
// all of it pages that nobody has touched, and each costs a page fault.
void adopt_inherited_blocks() {
  if (bytes_of_inherited_rows() < live_index.bytes()) {
    for_each_inherited_row(adopt_if_it_is_there);
  } else {
    live_index.for_each(adopt);
  }
}

}  // namespace leakdir
