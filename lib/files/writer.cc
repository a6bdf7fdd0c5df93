// SPDX-License-Identifier: BSL-1.0
#include "writer.hh"

#include <errno.h>

#include <atomic>

#include "helper.hh"
#include "include/leakdir/leakdir.h"
#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "record_dir.hh"
#include "record_file.hh"
#include "render.hh"
#include "shared/record.hh"
#include "stack/scratch.hh"
#include "system/base.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

using ledger::Block;
using ledger::BlockState;
using ledger::WriteMode;

std::atomic<WriteMode> mode{WriteMode::kBehind};
std::uint64_t most_files = 0;
std::uint64_t delay_ns = 0;
std::atomic<std::uint64_t> files{0};
std::atomic<std::uint64_t> next_look_ticks{0};  // without a helper: when a hook looks next

std::atomic<bool> is_cut_short{false};  // the look that is under way

// Freed records that are not to be used again before the next look, chained by word 3 like the free records of
// live_table.cc: those whose file is still there; those whose file was removed while a look was under way.
std::atomic<std::uint32_t> gone_blocks{0};
std::atomic<std::uint32_t> parked_blocks{0};

void chain(std::atomic<std::uint32_t>& blocks, std::uint32_t index) {
  std::uint32_t first = blocks.load(std::memory_order_relaxed);
  do {
    chain_record(index, first);
  } while (!blocks.compare_exchange_weak(first, index));
}

// The text of the record that the one look at a time writes.
RecordText* look_text = nullptr;

constexpr unsigned kLookTries = TryLock::kTriesAtOnce + 10000;  // somebody else's look: a hundred thousand files

Block snapshot(std::uint32_t index) {
  Block copy;
  for (unsigned i = 0; i < 4; ++i) copy.word[i] = __atomic_load_n(&ledger_file.block(index)->word[i], __ATOMIC_ACQUIRE);
  return copy;
}

// The same block still, all four words of it?
bool is_same(std::uint32_t index, const Block& block) {
  const Block now = snapshot(index);
  return ((now.word[0] ^ block.word[0]) & ~ledger::flag_bits(ledger::kFlagFiled)) == 0 &&
         now.word[1] == block.word[1] && now.word[2] == block.word[2] && now.word[3] == block.word[3];
}

bool take_file_place() {
  if (files.fetch_add(1, std::memory_order_relaxed) < most_files) return true;
  files.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void remove_file(RecordFolder folder, std::uint64_t address) {
  const int error = remove_record(folder, address, kRecordSuffix);
  files.fetch_sub(1, std::memory_order_relaxed);
  if (error == 0 || error == -ENOENT) return;  // somebody tidied up: it is gone, as it should be
  __atomic_fetch_add(&ledger_file.header()->write_errors, 1, __ATOMIC_RELAXED);
  messages::cannot_write_record(record_dir_shown(), error);
}

// In sync mode: the program has changed its root, or its rights, and does not reach the directory any more. The helper,
// if there is one, still does; it goes on as in `behind`.
bool hand_over_to_helper(RecordFolder folder) {
  if (folder.descriptor != RecordFolder::kNone || !helper_is_running()) return false;
  const int opened = open_record_dir();
  if (opened >= 0) sys::close(opened);
  if (opened >= 0) return false;
  mode.store(WriteMode::kBehind, std::memory_order_relaxed);
  return true;
}

enum class Outcome { kMade, kNotNow, kGivenUp };

// Makes the file of a block that was live when `block` was read, and marks the block. `block` comes out as it was
// marked.
Outcome make_file(RecordFolder folder, std::uint32_t index, Block& block, RecordText& text) {
  if (!is_same(index, block)) return Outcome::kNotNow;  // half of it may be another's: its stack is none
  if (!take_file_place()) return Outcome::kNotNow;
  const Rendered record = render_block(text, block);
  const std::uint64_t address = ledger::block_address(block.word[0]);
  const int error = create_record(folder, address, kRecordSuffix, record.text, record.bytes);
  if (error != 0) {
    files.fetch_sub(1, std::memory_order_relaxed);
    if (hand_over_to_helper(folder)) return Outcome::kNotNow;
    __atomic_fetch_add(&ledger_file.header()->write_errors, 1, __ATOMIC_RELAXED);
    messages::cannot_write_record(record_dir_shown(), error);
    return Outcome::kGivenUp;  // said and counted; not tried again at every look
  }
  // Freed meanwhile: nobody else knows of the file. Freed and the same record used again for the same address: the mark
  // would stick to another block, so the file goes and the next look makes the right one.
  if (!set_block_flags(index, block.word[0], ledger::kFlagFiled, 0)) {
    remove_file(folder, address);
    return Outcome::kGivenUp;
  }
  if (is_same(index, block)) return Outcome::kMade;
  const Block other = snapshot(index);
  if (set_block_flags(index, block.word[0] | ledger::flag_bits(ledger::kFlagFiled), 0, ledger::kFlagFiled)) {
    remove_file(folder, address);
    return Outcome::kNotNow;
  }
  block = other;  // freed as well, just now
  return Outcome::kMade;
}

// Removes the file of a block that is no more. The address may be live again, with a file of its own that was made over
// this one.
void remove_old_file(RecordFolder folder, std::uint64_t address) {
  const std::uint32_t live = find_live_block(address);
  const bool has_new_file = live != 0 && (ledger::block_flags(snapshot(live).word[0]) & ledger::kFlagFiled) != 0;
  if (has_new_file) {
    files.fetch_sub(1, std::memory_order_relaxed);
  } else {
    remove_file(folder, address);
  }
}

// The records of a chain may be used again, after `last_look(index)` at each.
template <typename LastLook>
void use_again(std::atomic<std::uint32_t>& blocks, LastLook last_look) {
  std::uint32_t index = blocks.exchange(0, std::memory_order_acquire);
  while (index != 0) {
    const std::uint32_t next = next_record(index);
    last_look(index);
    reuse_block(index, nullptr);
    index = next;
  }
}

void use_parked_blocks_again() {
  use_again(parked_blocks, [](std::uint32_t) {});
}

void remove_files_of_gone_blocks(RecordFolder folder) {
  use_again(gone_blocks,
            [&](std::uint32_t index) { remove_old_file(folder, ledger::block_address(snapshot(index).word[0])); });
}

// Blocks that a look has marked: whether their frees have seen the mark is settled for many at once.
struct MarkedBlock {
  std::uint32_t index;
  std::uint64_t address;
  std::uint64_t sequence_word;  // word 2: no two blocks have the same one
};
constexpr unsigned kMostMarked = 256;
MarkedBlock marked[kMostMarked];
unsigned marked_count = 0;

// A free that found the mark keeps the record from being used again until the look is over. So if the record is another
// block's by now, the free missed the mark, and nobody else knows of the file.
void settle(RecordFolder folder, const MarkedBlock& block) {
  for (;;) {
    const Block now = snapshot(block.index);
    const BlockState state = ledger::block_state(now.word[0]);
    const bool has_mark = (ledger::block_flags(now.word[0]) & ledger::kFlagFiled) != 0;
    const bool is_it = ledger::block_address(now.word[0]) == block.address && now.word[2] == block.sequence_word;
    if (is_it && state == BlockState::kLive && has_mark) return;    // whoever frees it finds the mark
    if (is_it && state == BlockState::kFreed && !has_mark) return;  // who freed it has found the mark
    if (is_it && state == BlockState::kFreed && !take_filed_flag(block.index)) continue;
    return remove_old_file(folder, block.address);
  }
}

void settle_marked(RecordFolder folder) {
  if (marked_count == 0) return;
  order_all_hooks();
  for (unsigned i = 0; i < marked_count; ++i) settle(folder, marked[i]);
  marked_count = 0;
}

bool is_listed_since(const Block& block, std::uint64_t since_sequence) {
  return ledger::block_state(block.word[0]) == BlockState::kLive && is_listed(ledger::block_flags(block.word[0])) &&
         ledger::low48(block.word[2]) > since_sequence;
}

void show_block(RecordText& text, const Block& block, VisitLive* visit, void* context) {
  const void* frames[kMaxFrames];
  const unsigned count = return_addresses(block, frames, kMaxFrames);
  const Rendered record = render_block(text, block);
  const_cast<char*>(record.text)[record.bytes] = '\0';
  const std::uint32_t thread = ledger::high16(block.word[1]);
  const leakdir_block shown = {reinterpret_cast<const void*>(ledger::block_address(block.word[0])),
                               static_cast<std::size_t>(ledger::low48(block.word[1])),
                               static_cast<unsigned long>(ledger::low48(block.word[2])),
                               thread == 0 ? 0 : static_cast<long>(ledger_file.thread(thread)->tid),
                               record.text,
                               frames,
                               count};
  visit(&shown, context);
}

// Returns whether the block is due later.
bool look_at(RecordFolder folder, std::uint32_t index, std::uint64_t now, std::uint64_t min_age) {
  Block block = snapshot(index);
  if (ledger::block_state(block.word[0]) != BlockState::kLive) return false;
  const unsigned flags = ledger::block_flags(block.word[0]);
  const bool has_file = (flags & ledger::kFlagFiled) != 0;
  if (!is_listed(flags)) {
    if (has_file && set_block_flags(index, block.word[0], 0, ledger::kFlagFiled)) {
      remove_file(folder, ledger::block_address(block.word[0]));
    }
    return false;
  }
  if (has_file) return false;
  const auto age = static_cast<std::int64_t>(now - ledger::low48(block.word[3]));  // below 0: born since the look began
  if (age < static_cast<std::int64_t>(min_age) && min_age != 0) return true;
  const Outcome outcome = make_file(folder, index, block, *look_text);
  if (outcome == Outcome::kMade) {
    marked[marked_count] = {index, ledger::block_address(block.word[0]), block.word[2]};
    if (++marked_count == kMostMarked) settle_marked(folder);
  }
  return outcome == Outcome::kNotNow;
}

}  // namespace

void configure_writer(const Options& options) {
  mode.store(options.write, std::memory_order_relaxed);
  most_files = options.max_files;
  delay_ns = std::uint64_t{options.delay_ms} * 1000000;
  files.store(0, std::memory_order_relaxed);
  gone_blocks.store(0, std::memory_order_relaxed);
  parked_blocks.store(0, std::memory_order_relaxed);
  is_cut_short.store(false, std::memory_order_relaxed);
  if (look_text == nullptr) look_text = static_cast<RecordText*>(sys::map_private(sizeof(RecordText)));
  // In a forked child: a look of the parent's helper may have been under way.
  marked_count = 0;
  if (look_text != nullptr) look_text->tail_bytes = 0;
}

void block_became_live(std::uint32_t index, ThreadState& thread, const ReentryGuard&) {
  switch (mode.load(std::memory_order_relaxed)) {
    case WriteMode::kExit:
      return;
    case WriteMode::kBehind:
      hook_barrier();
      if (LEAKDIR_LIKELY(helper_is_needed())) return;
      if (now_ticks() >= next_look_ticks.load(std::memory_order_relaxed)) {
        next_look_ticks.store(now_ticks() + ticks_of_ns(delay_ns / 2), std::memory_order_relaxed);
        look(RecordFolder::kNone, delay_ns / 2, false);
      }
      return;
    case WriteMode::kSync:
      break;
  }
  if (thread.scratch == nullptr) return;
  Block block = snapshot(index);
  make_file({}, index, block, thread.scratch->record);
}

void block_is_gone(const TakenBlock& block, ThreadScratch* scratch) {
  if (LEAKDIR_LIKELY((ledger::block_flags(block.was.word[0]) & ledger::kFlagFiled) == 0)) {
    reuse_block(block.index, scratch);
    return;
  }
  if (mode.load(std::memory_order_relaxed) != WriteMode::kBehind) {
    const std::uint64_t address = ledger::block_address(block.was.word[0]);
    if (remove_record({}, address, kRecordSuffix) == 0 || !hand_over_to_helper({})) {
      files.fetch_sub(1, std::memory_order_relaxed);
      if (process->pass_lock.load() == 0) return reuse_block(block.index, scratch);
      return chain(parked_blocks, block.index);
    }
  }
  chain(gone_blocks, block.index);
  helper_is_needed();
}

TakenBlock block_is_set_aside(TakenBlock block) {
  if (mode.load(std::memory_order_relaxed) == WriteMode::kBehind) return block;
  if ((ledger::block_flags(block.was.word[0]) & ledger::kFlagFiled) == 0) return block;
  remove_file({}, ledger::block_address(block.was.word[0]));
  block.was.word[0] &= ~ledger::flag_bits(ledger::kFlagFiled);
  return block;
}

bool look(int folder_descriptor, std::uint64_t min_age_ns, bool everything) {
  const TryLock lock(process->pass_lock, everything ? kLookTries : 1);
  if (!lock.taken() || look_text == nullptr) return true;
  const RecordFolder folder = {folder_descriptor};
  use_parked_blocks_again();
  remove_files_of_gone_blocks(folder);
  bool later = false;
  tune_clock(*ledger_file.header());
  const std::uint64_t now = now_ticks();
  const std::uint64_t min_age_ticks = ticks_of_ns(min_age_ns);
  const std::uint32_t records = block_records();
  for (std::uint32_t page = 0; page * ledger::kBlocksPerPage < records; ++page) {
    // The marks stay, for when a file goes and there is room for another.
    if (!everything && files.load(std::memory_order_relaxed) >= most_files) break;
    if (!everything && is_cut_short.load(std::memory_order_relaxed)) {
      later = true;
      break;
    }
    if (!take_page_mark(page) && !everything) continue;
    bool due_later = false;
    const std::uint32_t first = page * ledger::kBlocksPerPage;
    for (std::uint32_t i = first + 1; i < first + ledger::kBlocksPerPage; ++i) {
      if (look_at(folder, i, now, min_age_ticks)) due_later = true;
    }
    if (due_later) set_page_mark(page);
    later = later || due_later;
  }
  settle_marked(folder);
  if (everything) remove_files_of_gone_blocks(folder);  // by threads that did not know yet that this is the end
  return later || gone_blocks.load() != 0;
}

void cut_look_short() { is_cut_short.store(true, std::memory_order_relaxed); }

int write_all_records() {
  const int folder = open_record_dir();
  if (folder < 0) return folder;
  look(folder, 0, true);
  sys::close(folder);
  return 0;
}

bool is_writing_behind() { return mode.load(std::memory_order_relaxed) == WriteMode::kBehind; }

void write_at_once() { mode.store(WriteMode::kSync, std::memory_order_relaxed); }

LiveTotals count_live(std::uint64_t since_sequence) {
  LiveTotals totals = {};
  for (std::uint32_t i = 1; i < block_records(); ++i) {
    const Block block = snapshot(i);
    if (!is_listed_since(block, since_sequence)) continue;
    ++totals.blocks;
    totals.bytes += ledger::low48(block.word[1]);
    if ((ledger::block_flags(block.word[0]) & ledger::kFlagFiled) == 0) ++totals.without_file;
  }
  return totals;
}

void for_each_live(std::uint64_t since_sequence, std::uint64_t upto_sequence, VisitLive* visit, void* context) {
  // Not the thread's own: what the visitor allocates may be rendered there.
  auto* text = static_cast<RecordText*>(sys::map_private(sizeof(RecordText)));
  if (text == nullptr) return;
  for (std::uint32_t i = 1; i < block_records(); ++i) {
    const Block block = snapshot(i);
    if (!is_listed_since(block, since_sequence) || ledger::low48(block.word[2]) > upto_sequence) continue;
    if (is_same(i, block)) show_block(*text, block, visit, context);
  }
  sys::unmap(text, sizeof(RecordText));
}

}  // namespace leakdir
