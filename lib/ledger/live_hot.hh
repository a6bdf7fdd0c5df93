// SPDX-License-Identifier: BSL-1.0
//
// What each malloc and each free does to the live table, to be inlined into the hooks' own path. live_table.hh says
// what holds.

#pragma once

#include <atomic>
#include <cstdint>

#include "address_map.hh"
#include "free_rows.hh"
#include "hook_barrier.hh"
#include "ledger_file.hh"
#include "row.hh"
#include "system/base.hh"
#include "system/process.hh"

namespace leakdir {

LEAKDIR_OURS extern AddressMap live_index;

AddedBlock block_not_added();  // and counted

// ---- A block becomes live ----

// `row` has just been taken, and is in no index.
[[gnu::always_inline]] inline void fill_row(std::uint32_t row, const NewBlock& block) {
  using ledger::BlockState;
  ledger::Block& words = *ledger_file.block(row);
  const std::uint64_t word0 = block.address | block.call_and_flags;
  store_word(words, 0, word0 | ledger::state_bits(BlockState::kReserved));
  // A reader that sees one of the next two words sees the new word 0, too (ledger.hh).
  __atomic_thread_fence(__ATOMIC_RELEASE);
  store_word(words, 1, block.word1);
  store_word(words, 2, block.word2);
  store_word(words, 0, word0 | ledger::state_bits(BlockState::kLive), __ATOMIC_RELEASE);
  set_page_mark_of(words);
}

// `cell` is that of the address, and may be null where there is no memory.
[[gnu::always_inline]] inline AddedBlock add_block(const NewBlock& block, AddressMap::Cell* cell, FreeRows* free_rows) {
  if (LEAKDIR_UNLIKELY(cell == nullptr)) return block_not_added();
  const std::uint32_t row = take_row(free_rows);
  if (LEAKDIR_UNLIKELY(row == 0)) return block_not_added();
  fill_row(row, block);
  const std::uint32_t replaced = cell->load(std::memory_order_relaxed);
  cell->store(row, std::memory_order_release);
  return {row, replaced};
}

// ---- One store that frees ----
//
// The writer may set a flag of a block at the very instant that the block is freed, and one of the two must know of the
// other. An exchange of the whole word would tell, and would be most of what a free costs here. So free stores one byte
// (state, call, the flags that never change), then reads the byte of the other flags; the writer sets its flag, makes
// all threads pass a barrier (order_all_hooks), then reads the state. Whichever comes first: free sees the flag,
// or the writer sees the state, or both do and settle it by an exchange (take_filed_flag).

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
inline constexpr unsigned kStateByte = 6, kFlagByte = 7;
#else
inline constexpr unsigned kStateByte = 1, kFlagByte = 0;
#endif
inline constexpr std::uint64_t kFlagByteBits = std::uint64_t{0xff} << 56;
static_assert(ledger::state_bits(ledger::BlockState::kFreed) >> 48 < 256);
static_assert((ledger::flag_bits(ledger::kFlagFiled) & kFlagByteBits) != 0);

// Stores that byte, and returns the other as it is after.
inline unsigned mark_freed(ledger::Block& block) {
  auto* bytes = reinterpret_cast<unsigned char*>(&block.word[0]);
  constexpr auto kFreed = static_cast<unsigned char>(ledger::state_bits(ledger::BlockState::kFreed) >> 48);
  __atomic_store_n(bytes + kStateByte, kFreed, __ATOMIC_RELEASE);
  if (LEAKDIR_UNLIKELY(frees_have_barriers)) __atomic_thread_fence(__ATOMIC_SEQ_CST);
  signal_fence();
  return __atomic_load_n(bytes + kFlagByte, __ATOMIC_ACQUIRE);
}
inline constexpr unsigned kFiledInFlagByte = static_cast<unsigned>(ledger::flag_bits(ledger::kFlagFiled) >> 56);

// Whether the cell held `row` and was emptied by this call.
inline bool empty_cell(AddressMap::Cell& cell, std::uint32_t row) {
  // An exchange: where a faulty program frees a block twice at once, one of the two finds it. With one thread there is
  // no such thing, and an exchange would make the processor wait for everything before it.
  if (is_single_threaded()) {
    cell.store(0, std::memory_order_relaxed);
    return true;
  }
  return cell.compare_exchange_strong(row, 0, std::memory_order_acquire);
}

}  // namespace leakdir
