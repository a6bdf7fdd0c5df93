// SPDX-License-Identifier: BSL-1.0
#include "live_table.hh"

#include <atomic>

#include "address_map.hh"
#include "ledger_file.hh"
#include "recent_frees.hh"
#include "row.hh"
#include "system/allocator.hh"
#include "system/base.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

using ledger::Block;
using ledger::BlockState;

AddressMap cells;

}  // namespace

DescribeInherited* describe_inherited = nullptr;

namespace {

// ---- One store that frees ----
//
// The writer may set a flag of a block at the very instant that the block is freed, and one of the two must know of the
// other. An exchange of the whole word would tell, and would be most of what a free costs here. So free stores one byte
// (state, call, the flags that never change), then reads the byte of the other flags; the writer sets its flag, makes
// all threads pass a barrier (order_all_hooks), then reads the state. Whichever comes first: free sees the flag,
// or the writer sees the state, or both do and settle it by an exchange (take_filed_flag).

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
constexpr unsigned kStateByte = 6, kFlagByte = 7;
#else
constexpr unsigned kStateByte = 1, kFlagByte = 0;
#endif
constexpr std::uint64_t kFlagByteBits = std::uint64_t{0xff} << 56;
static_assert(ledger::block_word0(0, BlockState::kFreed, ledger::Call::kMalloc, 0) >> 48 < 256);
static_assert((ledger::flag_bits(ledger::kFlagFiled) & kFlagByteBits) != 0);

// Where the system cannot make all threads pass a barrier, each free has one.
bool frees_have_barriers = true;

// Returns word 0 as it was, with the flags as they are after.
std::uint64_t mark_freed(Block& block, std::uint64_t word0) {
  auto* bytes = reinterpret_cast<unsigned char*>(&block.word[0]);
  constexpr auto kFreed =
      static_cast<unsigned char>(ledger::block_word0(0, BlockState::kFreed, ledger::Call::kMalloc, 0) >> 48);
  __atomic_store_n(bytes + kStateByte, kFreed, __ATOMIC_RELEASE);
  if (LEAKDIR_UNLIKELY(frees_have_barriers)) __atomic_thread_fence(__ATOMIC_SEQ_CST);
  signal_fence();
  const std::uint64_t flags = __atomic_load_n(bytes + kFlagByte, __ATOMIC_ACQUIRE);
  return (word0 & ~kFlagByteBits) | flags << 56;
}

std::uint32_t first_own_row() { return ledger_file.first(ledger::Kind::kBlocks); }

// What is in the index under the row of an ancestor. Our own rows of such numbers are zeros: they are never taken for
// the block's.
bool is_inherited(std::uint32_t row) { return row != 0 && row < first_own_row(); }

[[gnu::always_inline]] inline void mark_page(std::uint32_t page) {
  __atomic_store_n(&ledger_file.block(page * ledger::kBlocksPerPage)->word[1], 1, __ATOMIC_RELEASE);
}

[[gnu::always_inline]] inline void fill_row(std::uint32_t row, const NewBlock& block) {
  Block& words = *ledger_file.block(row);
  store_word(words, 0, ledger::block_word0(block.address, BlockState::kReserved, block.call, block.flags));
  // A reader that sees one of the next three words sees the new word 0, too (ledger.hh).
  __atomic_thread_fence(__ATOMIC_RELEASE);
  store_word(words, 1, ledger::block_word(block.size_bytes, block.thread));
  store_word(words, 2, ledger::block_word(block.sequence, block.stack & 0xffff));
  store_word(words, 3, ledger::block_word(block.ticks, block.stack >> 16));
  store_word(words, 0, ledger::block_word0(block.address, BlockState::kLive, block.call, block.flags),
             __ATOMIC_RELEASE);
  mark_page(row / ledger::kBlocksPerPage);
}

LEAKDIR_SLOW AddedBlock not_added() {
  __atomic_fetch_add(&ledger_file.header()->dropped_blocks, 1, __ATOMIC_RELAXED);
  return {};
}

// Whether the cell held `row` and was emptied by this call.
bool empty_cell(AddressMap::Cell& cell, std::uint32_t row) {
  // An exchange: where a faulty program frees a block twice at once, one of the two finds it. With one thread there is
  // no such thing, and an exchange would make the processor wait for everything before it.
  if (allocator::is_single_threaded()) {
    cell.store(0, std::memory_order_relaxed);
    return true;
  }
  return cell.compare_exchange_strong(row, 0, std::memory_order_acquire);
}

TakenBlock end_of_block_slow(std::uint32_t row);

// An inherited block is taken: it gets a row of our own to be taken from, even where its address is all that is known.
LEAKDIR_SLOW TakenBlock take_inherited(std::uint64_t address) {
  AddressMap::Cell& cell = *cells.find(address);
  std::uint32_t row = cell.load(std::memory_order_acquire);
  if (!is_inherited(row) || address % allocator::kAlignment != 0) return {};
  // Meanwhile it may get a row of its own by another thread.
  if (!cell.compare_exchange_strong(row, 0, std::memory_order_acquire)) return take_live_block(address);
  NewBlock block;
  describe_inherited(address, row, &block);
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
  for (unsigned i = 1; i < 4; ++i) taken.was.word[i] = load_word(words, i);
  taken.was.word[0] = mark_freed(words, word0);
  if (LEAKDIR_UNLIKELY((taken.was.word[0] & ledger::flag_bits(ledger::kFlagFiled)) != 0) && !take_filed_flag(row)) {
    taken.was.word[0] &= ~ledger::flag_bits(ledger::kFlagFiled);
  }
  return taken;
}

LEAKDIR_SLOW TakenBlock end_of_block_slow(std::uint32_t row) { return end_of_block(row, state_word(row)); }

}  // namespace

void open_live_table() { frees_have_barriers = !sys::can_order_all_threads(); }

AddedBlock add_live_block(const NewBlock& block, FreeRows* free_rows) {
  AddressMap::Cell* cell = cells.find_or_make(block.address);
  if (LEAKDIR_UNLIKELY(cell == nullptr)) return not_added();
  const std::uint32_t row = take_row(free_rows);
  if (LEAKDIR_UNLIKELY(row == 0)) return not_added();
  fill_row(row, block);
  const std::uint32_t replaced = cell->load(std::memory_order_relaxed);
  cell->store(row, std::memory_order_release);
  return {row, replaced};
}

TakenBlock take_live_block(std::uint64_t address) {
  AddressMap::Cell* cell = cells.find(address);
  if (LEAKDIR_UNLIKELY(cell == nullptr)) return {};
  const std::uint32_t row = cell->load(std::memory_order_acquire);
  if (row == 0) return {};
  const std::uint64_t word0 = state_word(row);
  if (LEAKDIR_UNLIKELY(ledger::block_address(word0) != address)) return take_inherited(address);
  if (LEAKDIR_UNLIKELY(!empty_cell(*cell, row))) return {};
  return end_of_block(row, word0);
}

TakenBlock take_replaced_block(std::uint32_t row) {
  const std::uint64_t word0 = state_word(row);
  return ledger::block_state(word0) == BlockState::kLive ? end_of_block_slow(row) : TakenBlock{};
}

void put_back_live_block(const TakenBlock& block) {
  Block& words = *ledger_file.block(block.row);
  for (unsigned i = 1; i < 4; ++i) store_word(words, i, block.was.word[i]);
  store_word(words, 0, block.was.word[0], __ATOMIC_RELEASE);
  set_page_mark(block.row / ledger::kBlocksPerPage);
  cells.find(ledger::block_address(block.was.word[0]))->store(block.row, std::memory_order_release);
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

void hook_barrier() {
  if (LEAKDIR_UNLIKELY(frees_have_barriers)) __atomic_thread_fence(__ATOMIC_SEQ_CST);
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
  AddressMap::Cell* cell = cells.find(address);
  if (cell != nullptr && cell->load(std::memory_order_relaxed) != 0) cell->store(0, std::memory_order_relaxed);
}

std::uint32_t find_live_block(std::uint64_t address) {
  const AddressMap::Cell* cell = cells.find(address);
  const std::uint32_t row = cell == nullptr ? 0 : cell->load(std::memory_order_acquire);
  return row != 0 && ledger::block_address(load_word(*ledger_file.block(row), 0)) == address ? row : 0;
}

bool is_live_block(std::uint64_t address) {
  const AddressMap::Cell* cell = cells.find(address);
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
  for (std::uint32_t i = first_block_row(); i < block_rows(); ++i) {
    const Block& words = *ledger_file.block(i);
    const std::uint64_t word0 = load_word(words, 0, __ATOMIC_ACQUIRE);
    if (ledger::block_state(word0) != BlockState::kLive) continue;
    const std::uint64_t start = ledger::block_address(word0);
    if (address > start && address - start < ledger::low48(load_word(words, 1))) return i;
  }
  return 0;
}

LEAKDIR_SLOW std::uint32_t find_freed_block(std::uint64_t address) {
  for (std::uint32_t i = first_block_row(); i < block_rows(); ++i) {
    const std::uint64_t word0 = load_word(*ledger_file.block(i), 0);
    if (ledger::block_state(word0) == BlockState::kFreed && ledger::block_address(word0) == address) return i;
  }
  return 0;
}

std::uint32_t first_block_row() { return first_own_row() + 1; }

std::uint32_t block_rows() { return ledger_file.used(ledger::Kind::kBlocks); }

void give_back_free_rows() {
  forget_free_rows();
  // How many pages stay is said when they are all that is left.
  static std::uint64_t kept;
  kept = 0;
  ledger::Header& header = *ledger_file.header();
  __atomic_store_n(&header.block_pages, 0, __ATOMIC_SEQ_CST);
  ledger_file.trim([](std::uint32_t page) {
    const std::uint32_t first = page * ledger::kBlocksPerPage;
    for (std::uint32_t i = first + 1; i < first + ledger::kBlocksPerPage; ++i) {
      const BlockState state = ledger::block_state(state_word(i));
      if (state != BlockState::kLive && state != BlockState::kReserved) continue;
      ++kept;
      return false;
    }
    return true;
  });
  __atomic_fetch_add(&header.block_pages, kept, __ATOMIC_SEQ_CST);
}

bool take_page_mark(std::uint32_t page) {
  // Word 0 of a mark stays 0, so that a reader passes it over; the mark is word 1.
  std::uint64_t* mark = &ledger_file.block(page * ledger::kBlocksPerPage)->word[1];
  if (__atomic_load_n(mark, __ATOMIC_RELAXED) == 0) return false;
  return __atomic_exchange_n(mark, 0, __ATOMIC_SEQ_CST) != 0;
}

void set_page_mark(std::uint32_t page) { mark_page(page); }

void adopt_inherited_blocks() {
  cells.for_each([](std::uint64_t near, AddressMap::Cell& cell) {
    std::uint32_t row = cell.load(std::memory_order_acquire);
    NewBlock block;
    if (!is_inherited(row) || !describe_inherited(near, row, &block)) return;
    const std::uint32_t own = take_row(nullptr);
    if (own == 0) return;
    fill_row(own, block);
    if (cell.compare_exchange_strong(row, own, std::memory_order_release)) return;
    end_of_block_slow(own);  // freed meanwhile
    reuse_row(own, nullptr);
  });
}

}  // namespace leakdir
