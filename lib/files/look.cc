// SPDX-License-Identifier: BSL-1.0
#include "look.hh"

#include <atomic>

#include "block_file.hh"
#include "ledger/clock.hh"
#include "ledger/free_rows.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/periods.hh"
#include "ledger/row.hh"
#include "live_list.hh"
#include "system/base.hh"
#include "system/own_memory.hh"
#include "system/process.hh"
#include "system/sys.hh"
#include "turns.hh"
#include "work_share.hh"
#include "write_mode.hh"

namespace leakdir {
namespace {

using ledger::Block;
using ledger::BlockState;

constexpr unsigned kLookTries = TryLock::kTriesAtOnce + 10000;  // somebody else's look: a hundred thousand files

std::atomic<bool> is_cut_short{false};  // the look that is under way
RecordText* look_text = nullptr;        // of the record that the one look at a time writes
bool is_text_old = false;               // it is still of the parent's last record

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
LEAKDIR_LARGE MarkedBlock marked[kMostMarked];
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

// One pass over the pages.
struct Pass {
  RecordFolder folder;
  std::uint64_t now;  // in ticks, as all here
  bool everything;    // without regard to shares and turns
  std::uint64_t min_age = 0;
  std::uint64_t oldest = 0;     // the age of a block that waits
  bool is_spent = false;        // the share of processor time is used up: no more files
  bool waits_for_turn = false;  // a block does
};

// While there is less time than work only older blocks have files: what lives for an instant only would use it up.
std::uint64_t least_age = 0;           // in ticks
std::uint32_t first_page_of_next = 0;  // where the last look had to stop

// Whether a file for a block of this stack and age may be made now.
bool may_make_file(Pass& pass, std::uint32_t stack, std::int64_t age) {
  if (pass.everything) return true;
  if (!has_turn(stack)) {
    pass.waits_for_turn = true;
  } else if (pass.is_spent || is_work_share_spent()) {
    pass.is_spent = true;
  } else {
    return true;
  }
  if (age > static_cast<std::int64_t>(pass.oldest)) pass.oldest = static_cast<std::uint64_t>(age);
  return false;
}

// Returns whether the block is due later.
bool look_at(Pass& pass, std::uint32_t row) {
  const RecordFolder folder = pass.folder;
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
  // Below 0: born since the look began.
  const auto age = static_cast<std::int64_t>(pass.now - ticks_of(block));
  if (age < static_cast<std::int64_t>(pass.min_age) && pass.min_age != 0) return true;
  const std::uint32_t stack = stack_of(block);
  if (!may_make_file(pass, stack, age)) return true;
  const MadeFile made = make_block_file(folder, row, block, *look_text);
  if (made.outcome == FileOutcome::kFailed) file_has_failed(made.error);  // not tried again at every look
  if (made.outcome == FileOutcome::kMade) {
    count_turn(stack);
    marked[marked_count] = {row, ~ledger::block_address(block.word[0]), block.word[2]};
    if (++marked_count == kMostMarked) settle_marked(folder);
  }
  return made.outcome == FileOutcome::kNotNow;
}

// Returns whether a block of the page is due later.
bool look_at_page(Pass& pass, std::uint32_t page) {
  bool later = false;
  for_each_row(rows_of_page(page), [&](std::uint32_t row) {
    if (look_at(pass, row)) later = true;
  });
  if (later) set_page_mark(page);
  return later;
}

// Returns whether something is due later.
bool look_at_pages(Pass& pass) {
  bool later = false;
  const RowRange rows = all_block_rows();
  const std::uint32_t first = rows.first / ledger::kPageWords;
  const std::uint32_t end = (rows.end + ledger::kPageWords - 1) / ledger::kPageWords;
  std::uint32_t page = first_page_of_next;
  if (page < first || page >= end) page = first;
  for (std::uint32_t left = end - first; left != 0; --left, page = page + 1 == end ? first : page + 1) {
    if (!pass.everything) {
      // The marks stay, for when a file goes and there is room for another.
      if (!is_room_for_files()) break;
      if (pass.is_spent || is_cut_short.load(std::memory_order_relaxed)) {
        later = true;
        break;
      }
    }
    if (!take_page_mark(page) && !pass.everything) continue;
    // To look takes time as well, though no file is made. (The clock is asked of marked pages only: it is a call.)
    if (!pass.everything && is_work_share_spent()) {
      set_page_mark(page);
      pass.is_spent = later = true;
      break;
    }
    if (look_at_page(pass, page)) later = true;
  }
  first_page_of_next = page;
  return later;
}

// Files for what is due, as many as the share allows. Returns whether something is due later.
bool make_files(Pass pass, std::uint64_t min_age_ns) {
  if (!pass.everything && is_work_share_spent()) return true;
  const std::uint64_t min_age = ticks_of_ns(min_age_ns);
  if (least_age < min_age) least_age = min_age;
  pass.min_age = pass.everything ? min_age : least_age;
  bool later = look_at_pages(pass);
  while (pass.waits_for_turn && !pass.is_spent && !is_cut_short.load(std::memory_order_relaxed)) {
    begin_next_round();
    pass.waits_for_turn = false;
    later = look_at_pages(pass);
  }
  if (pass.everything) return later;
  if (pass.is_spent) {
    if (!are_there_turns()) begin_turns();
    if (2 * least_age < pass.oldest) least_age *= 2;
  } else if (least_age > min_age) {
    least_age /= 2;
    later = true;
  } else {
    end_turns();
  }
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
  least_age = 0;
  first_page_of_next = 0;
  end_turns();
  marked_count = 0;
  is_text_old = true;
}

bool look(int folder_descriptor, std::uint64_t min_age_ns, bool everything) {
  const TryLock lock(process->look_lock, everything ? kLookTries : 1);
  if (!lock.taken() || look_text == nullptr) return true;
  if (is_text_old) look_text->tail_bytes = 0;
  is_text_old = false;
  const RecordFolder folder = {folder_descriptor};
  if (!everything) begin_work();
  use_again(rows_without_file, [](std::uint32_t) {});
  remove_files_of_gone_blocks(folder);
  bool later = false;
  if (write_mode() != ledger::WriteMode::kNever) {
    look_for_room(folder);
    tune_clock(*ledger_file.header());
    later = make_files({folder, now_ticks(), everything}, min_age_ns);
    settle_marked(folder);
    if (everything) remove_files_of_gone_blocks(folder);  // by threads that did not know yet that this is the end
    later = later || rows_with_file.load() != 0;
  }
  if (!everything) end_work();
  return later;
}

void remove_gone_files(int folder_descriptor) {
  const TryLock lock(process->look_lock, kLookTries);
  if (lock.taken()) remove_files_of_gone_blocks({folder_descriptor});
}

void cut_look_short() { is_cut_short.store(true, std::memory_order_relaxed); }

void leave_file_to_look(std::uint32_t row) { chain(rows_with_file, row); }

void reuse_row_after_look(std::uint32_t row) { chain(rows_without_file, row); }

bool is_looking() { return process->look_lock.load() != 0; }

}  // namespace leakdir
