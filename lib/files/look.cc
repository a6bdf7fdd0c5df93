// SPDX-License-Identifier: BSL-1.0
#include "look.hh"

#include <atomic>

#include "block_file.hh"
#include "ledger/clock.hh"
#include "ledger/free_rows.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "live_list.hh"
#include "system/own_memory.hh"
#include "system/process.hh"
#include "system/sys.hh"
#include "write_mode.hh"

namespace leakdir {
namespace {

using ledger::Block;
using ledger::BlockState;

constexpr unsigned kLookTries = TryLock::kTriesAtOnce + 10000;  // somebody else's look: a hundred thousand files

std::atomic<bool> is_cut_short{false};  // the look that is under way
RecordText* look_text = nullptr;        // of the record that the one look at a time writes

// Rows that wait, chained (free_rows.hh).
std::atomic<std::uint32_t> rows_with_file{0};
std::atomic<std::uint32_t> rows_without_file{0};

void chain(std::atomic<std::uint32_t>& rows, std::uint32_t row) {
  std::uint32_t first = rows.load(std::memory_order_relaxed);
  do {
    chain_row(row, first);
  } while (!rows.compare_exchange_weak(first, row));
}

// The rows of a chain may be used again, after `last_look(row)` at each.
template <typename LastLook>
void use_again(std::atomic<std::uint32_t>& rows, LastLook last_look) {
  std::uint32_t row = rows.exchange(0, std::memory_order_acquire);
  while (row != 0) {
    const std::uint32_t next = next_row(row);
    last_look(row);
    reuse_row(row, nullptr);
    row = next;
  }
}

void remove_files_of_gone_blocks(RecordFolder folder) {
  use_again(rows_with_file,
            [&](std::uint32_t row) { remove_old_block_file(folder, ledger::block_address(state_word(row))); });
}

// Blocks that a look has marked: whether their frees have seen the mark is settled for many at once.
struct MarkedBlock {
  std::uint32_t row;
  std::uint64_t not_address;    // ~address: no pointer, to who looks for pointers to blocks
  std::uint64_t sequence_word;  // word 2: no two blocks have the same one
};
constexpr unsigned kMostMarked = 256;
MarkedBlock marked[kMostMarked];
unsigned marked_count = 0;

// A free that found the mark keeps the row from being used again until the look is over. So if the row is another
// block's by now, the free missed the mark, and nobody else knows of the file.
void settle(RecordFolder folder, const MarkedBlock& block) {
  for (;;) {
    const Block now = copy_row(block.row);
    const BlockState state = ledger::block_state(now.word[0]);
    const bool has_mark = (ledger::block_flags(now.word[0]) & ledger::kFlagFiled) != 0;
    const bool is_it = ledger::block_address(now.word[0]) == ~block.not_address && now.word[2] == block.sequence_word;
    if (is_it && state == BlockState::kLive && has_mark) return;    // whoever frees it finds the mark
    if (is_it && state == BlockState::kFreed && !has_mark) return;  // who freed it has found the mark
    if (is_it && state == BlockState::kFreed && !take_filed_flag(block.row)) continue;
    return remove_old_block_file(folder, ~block.not_address);
  }
}

void settle_marked(RecordFolder folder) {
  if (marked_count == 0) return;
  order_all_hooks();
  for (unsigned i = 0; i < marked_count; ++i) settle(folder, marked[i]);
  marked_count = 0;
}

// Returns whether the block is due later.
bool look_at(RecordFolder folder, std::uint32_t row, std::uint64_t now, std::uint64_t min_age) {
  Block block = copy_row(row);
  if (ledger::block_state(block.word[0]) != BlockState::kLive) return false;
  const unsigned flags = ledger::block_flags(block.word[0]);
  const bool has_file = (flags & ledger::kFlagFiled) != 0;
  if (!is_listed(flags)) {
    if (has_file && set_block_flags(row, block.word[0], 0, ledger::kFlagFiled)) {
      remove_block_file(folder, ledger::block_address(block.word[0]));
    }
    return false;
  }
  if (has_file) return false;
  const auto age = static_cast<std::int64_t>(now - ledger::low48(block.word[3]));  // below 0: born since the look began
  if (age < static_cast<std::int64_t>(min_age) && min_age != 0) return true;
  const MadeFile made = make_block_file(folder, row, block, *look_text);
  if (made.outcome == FileOutcome::kFailed) file_has_failed(made.error);  // not tried again at every look
  if (made.outcome == FileOutcome::kMade) {
    marked[marked_count] = {row, ~ledger::block_address(block.word[0]), block.word[2]};
    if (++marked_count == kMostMarked) settle_marked(folder);
  }
  return made.outcome == FileOutcome::kNotNow;
}

// Returns whether a block of the page is due later.
bool look_at_page(RecordFolder folder, std::uint32_t page, std::uint64_t now, std::uint64_t min_age) {
  bool later = false;
  const std::uint32_t first = page * ledger::kBlocksPerPage;
  for (std::uint32_t row = first + 1; row < first + ledger::kBlocksPerPage; ++row) {
    if (look_at(folder, row, now, min_age)) later = true;
  }
  if (later) set_page_mark(page);
  return later;
}

}  // namespace

void configure_look() {
  rows_with_file.store(0, std::memory_order_relaxed);
  rows_without_file.store(0, std::memory_order_relaxed);
  is_cut_short.store(false, std::memory_order_relaxed);
  if (look_text == nullptr) {
    look_text = static_cast<RecordText*>(sys::map_private(sizeof(RecordText)));
    memory_is_own(look_text, sizeof(RecordText));
  }
  marked_count = 0;
  if (look_text != nullptr) look_text->tail_bytes = 0;
}

bool look(int folder_descriptor, std::uint64_t min_age_ns, bool everything) {
  const TryLock lock(process->look_lock, everything ? kLookTries : 1);
  if (!lock.taken() || look_text == nullptr) return true;
  const RecordFolder folder = {folder_descriptor};
  use_again(rows_without_file, [](std::uint32_t) {});
  remove_files_of_gone_blocks(folder);
  if (write_mode() == ledger::WriteMode::kNever) return false;
  look_for_room(folder);
  bool later = false;
  tune_clock(*ledger_file.header());
  const std::uint64_t now = now_ticks();
  const std::uint64_t min_age = ticks_of_ns(min_age_ns);
  const std::uint32_t rows = block_rows();
  for (std::uint32_t page = first_block_row() / ledger::kBlocksPerPage; page * ledger::kBlocksPerPage < rows; ++page) {
    // The marks stay, for when a file goes and there is room for another.
    if (!everything && !is_room_for_files()) break;
    if (!everything && is_cut_short.load(std::memory_order_relaxed)) {
      later = true;
      break;
    }
    if (!take_page_mark(page) && !everything) continue;
    if (look_at_page(folder, page, now, min_age)) later = true;
  }
  settle_marked(folder);
  if (everything) remove_files_of_gone_blocks(folder);  // by threads that did not know yet that this is the end
  return later || rows_with_file.load() != 0;
}

void cut_look_short() { is_cut_short.store(true, std::memory_order_relaxed); }

void leave_file_to_look(std::uint32_t row) { chain(rows_with_file, row); }

void reuse_row_after_look(std::uint32_t row) { chain(rows_without_file, row); }

bool is_looking() { return process->look_lock.load() != 0; }

}  // namespace leakdir
