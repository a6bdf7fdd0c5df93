// SPDX-License-Identifier: BSL-1.0
#include "live_table.hh"

#include <atomic>

#include "address_map.hh"
#include "ledger_file.hh"
#include "stack/scratch.hh"
#include "system/allocator.hh"
#include "system/base.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

using ledger::Block;
using ledger::BlockState;

AddressMap cells;

std::uint64_t load_word(const Block& block, unsigned i, int order = __ATOMIC_RELAXED) {
  return __atomic_load_n(&block.word[i], order);
}
void store_word(Block& block, unsigned i, std::uint64_t word, int order = __ATOMIC_RELAXED) {
  __atomic_store_n(&block.word[i], word, order);
}

// ---- One store that frees ----
//
// The writer may set a flag of a block at the very instant that the block is freed, and one of the two must know of the
// other. An exchange of the whole word would tell, and would be most of what a free costs here. So free stores one byte
// (state, call, the flags that never change), then reads the byte of the other flags; the writer sets its flag, makes
// all threads pass a barrier (order_all_hooks), then reads the state. Whichever way they meet: free sees the
// flag, or the writer sees the state, or both do and settle it by an exchange (take_filed_flag).

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

// ---- Free records ----
//
// Each thread keeps some for itself. What it has too many of goes to a list that all share, in one piece, and who runs
// out takes some of that list. The link takes the place of the time in word 3: what else is known of a freed block
// stays, for a forked child that still has it (fork.cc).

// Count << 32 | first record, 0: none. The count changes with every exchange, so that a list that went and came back
// meanwhile is noticed.
std::atomic<std::uint64_t> shared_list{0};
std::atomic<std::uint32_t> epoch{1};  // of what threads keep: it counts no more when records were given back

constexpr std::uint64_t next_head(std::uint64_t head, std::uint32_t first) { return ((head >> 32) + 1) << 32 | first; }

void share(std::uint32_t first, std::uint32_t last) {
  std::uint64_t head = shared_list.load(std::memory_order_relaxed);
  do {
    chain_record(last, static_cast<std::uint32_t>(head));
  } while (!shared_list.compare_exchange_weak(head, next_head(head, first), std::memory_order_release));
}

void empty_shared_list() {
  std::uint64_t head = shared_list.load(std::memory_order_relaxed);
  while (!shared_list.compare_exchange_weak(head, next_head(head, 0), std::memory_order_relaxed)) {
  }
}

// One record for now, and some to keep.
std::uint32_t take_shared(FreeRecords* own) {
  const std::uint32_t records = ledger_file.used(ledger::Kind::kBlocks);
  std::uint64_t head = shared_list.load(std::memory_order_acquire);
  for (;;) {
    const auto first = static_cast<std::uint32_t>(head);
    if (first == 0) return 0;
    // Somebody else may take them meanwhile: then these are no links, and the exchange fails.
    std::uint32_t count = 0;
    std::uint32_t next = next_record(first);
    while (own != nullptr && count < FreeRecords::kMost / 2 && next != 0 && next < records) {
      own->kept[count++] = next;
      next = next_record(next);
    }
    if (!shared_list.compare_exchange_weak(head, next_head(head, next), std::memory_order_acquire)) continue;
    if (own != nullptr) own->count = count;
    return first;
  }
}

std::uint32_t take_new_page(FreeRecords* own) {
  const std::uint32_t first = ledger_file.take(ledger::Kind::kBlocks, ledger::kBlocksPerPage);
  if (first == 0) return 0;
  store_word(*ledger_file.block(first - 1), 2, ledger::kPageSign, __ATOMIC_RELEASE);
  __atomic_fetch_add(&ledger_file.header()->block_pages, 1, __ATOMIC_RELEASE);
  const std::uint32_t end = first + ledger::kBlocksPerPage - 1;  // the page's mark is before `first`
  if (own != nullptr) {
    own->fresh = first + 1;
    own->end_of_fresh = end;
    return first;
  }
  for (std::uint32_t i = first + 1; i + 1 < end; ++i) chain_record(i, i + 1);
  share(first + 1, end - 1);
  return first;
}

LEAKDIR_SLOW void begin_to_keep(FreeRecords& own) { own = {epoch.load(std::memory_order_relaxed), 0, 0, 0, {}}; }

bool is_current(const FreeRecords& own) { return own.epoch == epoch.load(std::memory_order_relaxed); }

LEAKDIR_SLOW std::uint32_t take_record_slow(FreeRecords* own) {
  if (own != nullptr && !is_current(*own)) begin_to_keep(*own);
  const std::uint32_t record = take_shared(own);
  return record != 0 ? record : take_new_page(own);
}

std::uint32_t take_record(FreeRecords* own) {
  if (LEAKDIR_LIKELY(own != nullptr && is_current(*own))) {
    if (LEAKDIR_LIKELY(own->count != 0)) return own->kept[--own->count];
    if (LEAKDIR_LIKELY(own->fresh != own->end_of_fresh)) return own->fresh++;
  }
  return take_record_slow(own);
}

// The half that was freed first.
LEAKDIR_SLOW void share_half(FreeRecords& own) {
  constexpr std::uint32_t kHalf = FreeRecords::kMost / 2;
  own.count = 0;  // half done, all of them are lost rather than in two places
  signal_fence();
  for (std::uint32_t i = 0; i + 1 < kHalf; ++i) chain_record(own.kept[i], own.kept[i + 1]);
  share(own.kept[0], own.kept[kHalf - 1]);
  for (std::uint32_t i = kHalf; i < FreeRecords::kMost; ++i) own.kept[i - kHalf] = own.kept[i];
  signal_fence();
  own.count = kHalf;
}

FreeRecords* records_of(ThreadScratch* scratch) { return scratch == nullptr ? nullptr : &scratch->free_records; }

LEAKDIR_SLOW AddedBlock not_added() {
  __atomic_fetch_add(&ledger_file.header()->dropped_blocks, 1, __ATOMIC_RELAXED);
  return {};
}

// Whether the cell held `number` and was emptied by this call.
bool empty_cell(AddressMap::Cell& cell, std::uint32_t number) {
  // An exchange: where a faulty program frees a block twice at once, one of the two finds it. With one thread there is
  // no such thing, and an exchange would make the processor wait for everything before it.
  if (allocator::is_single_threaded()) {
    cell.store(0, std::memory_order_relaxed);
    return true;
  }
  return cell.compare_exchange_strong(number, 0, std::memory_order_acquire);
}

// `number` is no longer in the index: its record is freed, and the caller's.
TakenBlock end_of_block(std::uint32_t number, std::uint64_t word0) {
  Block& record = *ledger_file.block(number);
  TakenBlock taken = {number, {}};
  for (unsigned i = 1; i < 4; ++i) taken.was.word[i] = load_word(record, i);
  taken.was.word[0] = mark_freed(record, word0);
  if (LEAKDIR_UNLIKELY((taken.was.word[0] & ledger::flag_bits(ledger::kFlagFiled)) != 0) && !take_filed_flag(number)) {
    taken.was.word[0] &= ~ledger::flag_bits(ledger::kFlagFiled);
  }
  return taken;
}

}  // namespace

std::uint32_t next_record(std::uint32_t record) {
  return static_cast<std::uint32_t>(load_word(*ledger_file.block(record), 3));
}

void chain_record(std::uint32_t record, std::uint32_t next) {
  Block& block = *ledger_file.block(record);
  store_word(block, 3, ledger::block_word(next, ledger::high16(load_word(block, 3))));
}

void open_live_table() { frees_have_barriers = !sys::can_order_all_threads(); }

AddedBlock add_live_block(const NewBlock& block, ThreadScratch* scratch) {
  AddressMap::Cell* cell = cells.find_or_make(block.address);
  if (LEAKDIR_UNLIKELY(cell == nullptr)) return not_added();
  const std::uint32_t number = take_record(records_of(scratch));
  if (LEAKDIR_UNLIKELY(number == 0)) return not_added();
  Block& record = *ledger_file.block(number);
  store_word(record, 0, ledger::block_word0(block.address, BlockState::kReserved, block.call, block.flags));
  // Who finds one of the next three words finds that word 0 is another, too (ledger.hh).
  __atomic_thread_fence(__ATOMIC_RELEASE);
  store_word(record, 1, ledger::block_word(block.size_bytes, block.thread));
  store_word(record, 2, ledger::block_word(block.sequence, block.stack & 0xffff));
  store_word(record, 3, ledger::block_word(block.ticks, block.stack >> 16));
  store_word(record, 0, ledger::block_word0(block.address, BlockState::kLive, block.call, block.flags),
             __ATOMIC_RELEASE);
  set_page_mark(number / ledger::kBlocksPerPage);
  const std::uint32_t replaced = cell->load(std::memory_order_relaxed);
  cell->store(number, std::memory_order_release);
  return {number, replaced};
}

TakenBlock take_live_block(std::uint64_t address) {
  AddressMap::Cell* cell = cells.find(address);
  if (LEAKDIR_UNLIKELY(cell == nullptr)) return {};
  const std::uint32_t number = cell->load(std::memory_order_acquire);
  if (number == 0) return {};
  const std::uint64_t word0 = load_word(*ledger_file.block(number), 0, __ATOMIC_ACQUIRE);
  if (LEAKDIR_UNLIKELY(ledger::block_address(word0) != address)) return {};
  if (LEAKDIR_UNLIKELY(!empty_cell(*cell, number))) return {};
  return end_of_block(number, word0);
}

TakenBlock take_replaced_block(std::uint32_t number) {
  const std::uint64_t word0 = load_word(*ledger_file.block(number), 0, __ATOMIC_ACQUIRE);
  return ledger::block_state(word0) == BlockState::kLive ? end_of_block(number, word0) : TakenBlock{};
}

void put_back_live_block(const TakenBlock& block) {
  Block& record = *ledger_file.block(block.index);
  for (unsigned i = 1; i < 4; ++i) store_word(record, i, block.was.word[i]);
  store_word(record, 0, block.was.word[0], __ATOMIC_RELEASE);
  set_page_mark(block.index / ledger::kBlocksPerPage);
  cells.find(ledger::block_address(block.was.word[0]))->store(block.index, std::memory_order_release);
}

void reuse_block(std::uint32_t number, ThreadScratch* scratch) {
  FreeRecords* own = records_of(scratch);
  if (LEAKDIR_UNLIKELY(own == nullptr)) return share(number, number);
  if (LEAKDIR_UNLIKELY(!is_current(*own))) begin_to_keep(*own);
  if (LEAKDIR_UNLIKELY(own->count == FreeRecords::kMost)) share_half(*own);
  own->kept[own->count] = number;
  signal_fence();  // a handler may leave by longjmp in between
  ++own->count;
}

bool take_filed_flag(std::uint32_t number) {
  std::uint64_t* word0 = &ledger_file.block(number)->word[0];
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
  // The parent goes on with the records, so they say nothing about this address any more: the index alone decides.
  AddressMap::Cell* cell = cells.find(address);
  if (cell != nullptr && cell->load(std::memory_order_relaxed) != 0) cell->store(0, std::memory_order_relaxed);
}

std::uint32_t find_live_block(std::uint64_t address) {
  const AddressMap::Cell* cell = cells.find(address);
  const std::uint32_t number = cell == nullptr ? 0 : cell->load(std::memory_order_acquire);
  return number != 0 && ledger::block_address(load_word(*ledger_file.block(number), 0)) == address ? number : 0;
}

bool set_block_flags(std::uint32_t number, std::uint64_t word0_seen, unsigned set, unsigned clear) {
  std::uint64_t* word0 = &ledger_file.block(number)->word[0];
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
  empty_shared_list();
  epoch.fetch_add(1, std::memory_order_seq_cst);
  // How many pages stay is said when they are all that is left.
  static std::uint64_t kept;
  kept = 0;
  ledger::Header& header = *ledger_file.header();
  __atomic_store_n(&header.block_pages, 0, __ATOMIC_SEQ_CST);
  ledger_file.trim([](std::uint32_t page) {
    const std::uint32_t first = page * ledger::kBlocksPerPage;
    for (std::uint32_t i = first + 1; i < first + ledger::kBlocksPerPage; ++i) {
      const BlockState state = ledger::block_state(load_word(*ledger_file.block(i), 0, __ATOMIC_ACQUIRE));
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

void set_page_mark(std::uint32_t page) {
  __atomic_store_n(&ledger_file.block(page * ledger::kBlocksPerPage)->word[1], 1, __ATOMIC_RELEASE);
}

void for_each_indexed(void (*visit)(std::uint64_t, std::uint32_t, void*), void* context) {
  cells.for_each([&](std::uint64_t stretch, AddressMap::Cell& cell) {
    visit(stretch, cell.load(std::memory_order_relaxed), context);
  });
}

void clear_live_table() {
  cells.clear();
  empty_shared_list();
  epoch.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace leakdir
