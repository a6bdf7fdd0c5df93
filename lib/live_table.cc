// SPDX-License-Identifier: BSL-1.0
#include "live_table.hh"

#include <atomic>

#include "base.hh"
#include "ledger_file.hh"
#include "probe_table.hh"

namespace leakdir {
namespace {

using ledger::Block;
using ledger::BlockState;

// Addresses of one 64 MiB region share a table. glibc's arenas lie in regions of that size, so threads with arenas of
// their own do not share cache lines of the index.
constexpr unsigned kRegionBits = 26;
constexpr unsigned kTables = 256;
using Index = ProbeTable<2048, 1, 14>;
Index tables[kTables];

// A slot: bits 3 to 34 of the address << 32 | record. Two addresses that differ above that and meet in one table are
// told apart by the record itself.
std::uint64_t slot_word(std::uint64_t address, std::uint32_t index) { return address >> 3 << 32 | index; }
std::uint64_t address_hash(std::uint64_t address) { return mix(address >> 3); }
Index& table_of(std::uint64_t address) { return tables[mix(address >> kRegionBits) % kTables]; }

std::uint64_t load_word(const Block& block, unsigned i, int order = __ATOMIC_RELAXED) {
  return __atomic_load_n(&block.word[i], order);
}
void store_word(Block& block, unsigned i, std::uint64_t word, int order = __ATOMIC_RELAXED) {
  __atomic_store_n(&block.word[i], word, order);
}

Index::Slot* find_slot(std::uint64_t address) {
  const std::uint64_t tag = slot_word(address, 0);
  return table_of(address).find(address_hash(address), [&](std::uint64_t word) {
    return (word & ~std::uint64_t{0xffffffff}) == tag &&
           ledger::block_address(load_word(*ledger_file.block(static_cast<std::uint32_t>(word)), 0)) == address;
  });
}

// ---- Free records ----
//
// Stacks of free records, one for each of a number of pools; a thread keeps to one. The head carries a count that
// changes with every store, so that a record that went and came back meanwhile is noticed. The link takes the place of
// the time in word 3: what else is known of a freed block stays, for a forked child that still has it (lifecycle.cc).

constexpr unsigned kPools = 64;
struct alignas(64) Pool {
  std::atomic<std::uint64_t> head{0};  // count << 32 | record, 0: empty
};
Pool pools[kPools];

constexpr std::uint64_t next_head(std::uint64_t head, std::uint32_t record) {
  return ((head >> 32) + 1) << 32 | record;
}

std::uint32_t link_of(std::uint32_t record) {
  return static_cast<std::uint32_t>(load_word(*ledger_file.block(record), 3));
}

void set_link(std::uint32_t record, std::uint32_t next) {
  Block& block = *ledger_file.block(record);
  store_word(block, 3, ledger::block_word(next, ledger::high16(load_word(block, 3))));
}

std::uint32_t pop(Pool& pool) {
  std::uint64_t head = pool.head.load(std::memory_order_acquire);
  for (;;) {
    const std::uint32_t record = static_cast<std::uint32_t>(head);
    if (record == 0) return 0;
    // Somebody else may have it by now: then this is not a link, and the exchange fails.
    const std::uint32_t next = link_of(record);
    if (pool.head.compare_exchange_weak(head, next_head(head, next), std::memory_order_acquire)) return record;
  }
}

void push(Pool& pool, std::uint32_t first, std::uint32_t last) {
  std::uint64_t head = pool.head.load(std::memory_order_relaxed);
  do {
    set_link(last, static_cast<std::uint32_t>(head));
  } while (!pool.head.compare_exchange_weak(head, next_head(head, first), std::memory_order_release));
}

// All that another pool has: blocks that one thread allocates and another one frees collect there.
LEAKDIR_SLOW std::uint32_t steal(Pool& into) {
  for (Pool& pool : pools) {
    std::uint64_t head = pool.head.load(std::memory_order_relaxed);
    if (&pool == &into || static_cast<std::uint32_t>(head) == 0) continue;
    if (!pool.head.compare_exchange_strong(head, next_head(head, 0), std::memory_order_acquire)) continue;
    const std::uint32_t first = static_cast<std::uint32_t>(head);
    const std::uint32_t rest = link_of(first);
    if (rest == 0) return first;
    std::uint64_t own = into.head.load(std::memory_order_relaxed);
    if (static_cast<std::uint32_t>(own) == 0 &&
        into.head.compare_exchange_strong(own, next_head(own, rest), std::memory_order_release)) {
      return first;
    }
    std::uint32_t last = rest;  // a thread of the same pool was faster: hang its records behind ours
    while (link_of(last) != 0) last = link_of(last);
    push(into, rest, last);
    return first;
  }
  return 0;
}

LEAKDIR_SLOW std::uint32_t new_page(Pool& pool) {
  const std::uint32_t first = ledger_file.take(ledger::Kind::kBlocks, ledger::kBlocksPerPage);
  if (first == 0) return 0;
  const std::uint32_t last = first + ledger::kBlocksPerPage - 2;
  for (std::uint32_t i = first + 1; i < last; ++i) set_link(i, i + 1);
  push(pool, first + 1, last);
  return first;
}

std::uint32_t take_record(Pool& pool) {
  std::uint32_t record = pop(pool);
  if (LEAKDIR_UNLIKELY(record == 0)) record = steal(pool);
  if (LEAKDIR_UNLIKELY(record == 0)) record = new_page(pool);
  return record;
}

}  // namespace

bool add_live_block(const NewBlock& block, unsigned pool) {
  const std::uint32_t index = take_record(pools[pool % kPools]);
  if (LEAKDIR_UNLIKELY(index == 0)) {
    __atomic_fetch_add(&ledger_file.header()->dropped_blocks, 1, __ATOMIC_RELAXED);
    return false;
  }
  Block& record = *ledger_file.block(index);
  store_word(record, 0, ledger::block_word0(block.address, BlockState::kReserved, block.call, block.flags));
  store_word(record, 1, ledger::block_word(block.size_bytes, block.thread), __ATOMIC_RELEASE);
  store_word(record, 2, ledger::block_word(block.sequence, block.stack & 0xffff));
  store_word(record, 3, ledger::block_word(block.ticks, block.stack >> 16));
  store_word(record, 0, ledger::block_word0(block.address, BlockState::kLive, block.call, block.flags),
             __ATOMIC_RELEASE);
  set_page_mark(index / ledger::kBlocksPerPage);
  if (LEAKDIR_LIKELY(table_of(block.address).insert(address_hash(block.address), slot_word(block.address, index)))) {
    return true;
  }
  store_word(record, 0, ledger::block_word0(block.address, BlockState::kFreed, block.call, 0), __ATOMIC_RELEASE);
  reuse_block(index, pool);
  __atomic_fetch_add(&ledger_file.header()->dropped_blocks, 1, __ATOMIC_RELAXED);
  return false;
}

TakenBlock take_live_block(std::uint64_t address) {
  for (;;) {
    Index::Slot* slot = find_slot(address);
    if (slot == nullptr) return {};
    std::uint64_t word = slot->load(std::memory_order_relaxed);
    if (word >> 32 != slot_word(address, 0) >> 32 || !slot->compare_exchange_strong(word, 0)) continue;
    const std::uint32_t index = static_cast<std::uint32_t>(word);
    Block& record = *ledger_file.block(index);
    TakenBlock taken = {index, {}};
    for (unsigned i = 1; i < 4; ++i) taken.was.word[i] = load_word(record, i);
    // An exchange, because the writer may set a flag at this very instant.
    const std::uint64_t freed = ledger::block_word0(address, BlockState::kFreed, ledger::Call::kMalloc, 0);
    taken.was.word[0] = __atomic_exchange_n(&record.word[0], freed, __ATOMIC_ACQ_REL);
    return taken;
  }
}

void put_back_live_block(const TakenBlock& block) {
  Block& record = *ledger_file.block(block.index);
  for (unsigned i = 1; i < 4; ++i) store_word(record, i, block.was.word[i]);
  store_word(record, 0, block.was.word[0], __ATOMIC_RELEASE);
  set_page_mark(block.index / ledger::kBlocksPerPage);
  const std::uint64_t address = ledger::block_address(block.was.word[0]);
  table_of(address).insert(address_hash(address), slot_word(address, block.index));
}

void reuse_block(std::uint32_t index, unsigned pool) { push(pools[pool % kPools], index, index); }

void forget_inherited_block(std::uint64_t address) {
  // The parent goes on with the records, so they say nothing about this address any more: the index alone decides.
  const std::uint64_t tag = slot_word(address, 0);
  Index::Slot* slot = table_of(address).find(
      address_hash(address), [&](std::uint64_t word) { return (word & ~std::uint64_t{0xffffffff}) == tag; });
  if (slot != nullptr) slot->store(0, std::memory_order_relaxed);
}

std::uint32_t find_live_block(std::uint64_t address) {
  const Index::Slot* slot = find_slot(address);
  return slot == nullptr ? 0 : static_cast<std::uint32_t>(slot->load(std::memory_order_relaxed));
}

bool set_block_flags(std::uint32_t index, std::uint64_t word0_seen, unsigned set, unsigned clear) {
  std::uint64_t* word0 = &ledger_file.block(index)->word[0];
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
  for (std::uint32_t i = 1; i < block_records(); ++i) {
    const Block& record = *ledger_file.block(i);
    const std::uint64_t word0 = load_word(record, 0, __ATOMIC_ACQUIRE);
    if (ledger::block_state(word0) != BlockState::kLive) continue;
    const std::uint64_t start = ledger::block_address(word0);
    if (address > start && address - start < ledger::low48(load_word(record, 1))) return i;
  }
  return 0;
}

LEAKDIR_SLOW std::uint32_t find_freed_block(std::uint64_t address) {
  for (std::uint32_t i = 1; i < block_records(); ++i) {
    const std::uint64_t word0 = load_word(*ledger_file.block(i), 0);
    if (ledger::block_state(word0) == BlockState::kFreed && ledger::block_address(word0) == address) return i;
  }
  return 0;
}

std::uint32_t block_records() { return ledger_file.used(ledger::Kind::kBlocks); }

void give_back_free_records() {
  for (Pool& pool : pools) {
    std::uint64_t head = pool.head.load(std::memory_order_relaxed);
    while (!pool.head.compare_exchange_weak(head, next_head(head, 0))) {
    }
  }
  ledger_file.trim([](std::uint32_t page) {
    const std::uint32_t first = page * ledger::kBlocksPerPage;
    for (std::uint32_t i = first + 1; i < first + ledger::kBlocksPerPage; ++i) {
      const BlockState state = ledger::block_state(load_word(*ledger_file.block(i), 0, __ATOMIC_ACQUIRE));
      if (state == BlockState::kLive || state == BlockState::kReserved) return false;
    }
    return true;
  });
}

bool take_page_mark(std::uint32_t page) {
  // Word 0 of a mark stays 0, so that a reader passes it over; the mark is word 1.
  std::uint64_t* mark = &ledger_file.block(page * ledger::kBlocksPerPage)->word[1];
  if (__atomic_load_n(mark, __ATOMIC_RELAXED) == 0) return false;
  return __atomic_exchange_n(mark, 0, __ATOMIC_SEQ_CST) != 0;
}

void set_page_mark(std::uint32_t page) {
  __atomic_store_n(&ledger_file.block(page * ledger::kBlocksPerPage)->word[1], 1, __ATOMIC_RELEASE);
}

void for_each_indexed(void (*visit)(std::uint64_t, std::uint32_t, void*), void* context) {
  for (Index& table : tables) {
    table.for_each([&](Index::Slot& slot) {
      const std::uint64_t word = slot.load(std::memory_order_relaxed);
      visit(word >> 32, static_cast<std::uint32_t>(word), context);
    });
  }
}

void clear_live_table() {
  for (Index& table : tables) table.clear();
  for (Pool& pool : pools) pool.head.store(0, std::memory_order_relaxed);
}

}  // namespace leakdir
