// SPDX-License-Identifier: BSL-1.0
#include "writer.hh"

#include <atomic>

#include "block_file.hh"
#include "helper.hh"
#include "ledger/clock.hh"
#include "ledger/row.hh"
#include "look.hh"
#include "lost_dir.hh"
#include "record_dir.hh"
#include "shared/record.hh"
#include "system/base.hh"
#include "system/sys.hh"
#include "work_share.hh"
#include "write_mode.hh"

namespace leakdir {
namespace {

using ledger::WriteMode;

std::uint64_t delay_ns = 0;
std::atomic<std::uint64_t> next_look_ticks{0};  // without a helper: when a hook looks next

// In sync mode: the program has changed its root, or its rights, and does not reach the directory any more. The helper,
// if there is one, still does; it goes on as in `behind`.
bool hand_over_to_helper() {
  if (!helper_is_running()) return false;
  const int opened = open_record_dir();
  if (opened >= 0) sys::close(opened);
  if (opened >= 0) return false;
  set_write_mode(WriteMode::kBehind);
  return true;
}

// The hooks' own look, where there is no helper.
void look_now_and_then() {
  if (now_ticks() < next_look_ticks.load(std::memory_order_relaxed)) return;
  next_look_ticks.store(now_ticks() + ticks_of_ns(delay_ns / 2), std::memory_order_relaxed);
  look(RecordFolder::kNone, delay_ns / 2, false);
}

// Unless there are to be no files. 0, or why the directory is not reached.
template <class Write>
int in_record_dir(Write write) {
  if (write_mode() == WriteMode::kNever) return 0;
  const int folder = open_record_dir();
  if (folder < 0) return folder;
  write(folder);
  sys::close(folder);
  return 0;
}

}  // namespace

void configure_writer(const Options& options) {
  set_write_mode(options.write);
  delay_ns = std::uint64_t{options.delay_ms} * 1000000;
  configure_block_files(options.max_files, options.max_disk);
  configure_work_share(options.share);
  configure_look();
}

LEAKDIR_SLOW void listed_block_became_live(std::uint32_t row, ThreadState& thread, const ReentryGuard&) {
  switch (write_mode()) {
    case WriteMode::kExit:
    case WriteMode::kNever:
      return;
    case WriteMode::kBehind:
      if (!helper_is_needed()) look_now_and_then();
      return;
    case WriteMode::kSync:
      break;
  }
  if (thread.scratch == nullptr) return;
  ledger::Block block = copy_row(row);
  const MadeFile made = make_block_file({}, row, block, thread.scratch->record);
  if (made.outcome == FileOutcome::kFailed && !hand_over_to_helper()) file_has_failed(made.error);
}

LEAKDIR_SLOW void block_with_file_is_gone(const TakenBlock& block, FreeRows* free_rows) {
  if (write_mode() != WriteMode::kBehind) {
    const std::uint64_t address = ledger::block_address(block.was.word[0]);
    if (LEAKDIR_UNLIKELY(ledger::is_lost(ledger::block_reach(block.was.word[0])))) remove_lost_record(address);
    if (remove_record({}, address, kRecordSuffix) == 0 || !hand_over_to_helper()) {
      uncount_block_file();
      return is_looking() ? reuse_row_after_look(block.row) : reuse_row(block.row, free_rows);
    }
  }
  leave_file_to_look(block.row);
  helper_is_needed();
}

TakenBlock block_is_set_aside(TakenBlock block) {
  if (write_mode() == WriteMode::kBehind || !has_file(block.was)) return block;
  remove_block_file({}, ledger::block_address(block.was.word[0]));
  block.was.word[0] &= ~ledger::flag_bits(ledger::kFlagFiled);
  return block;
}

bool may_make_bad_free_file() { return write_mode() != WriteMode::kNever && has_room_for_another_file({}); }

int write_all_records() {
  return in_record_dir([](int folder) { look(folder, 0, true); });
}

int write_last_records() {
  return in_record_dir([](int folder) {
    remove_gone_files(folder);
    write_kinds_into_records(folder);
    look(folder, 0, true);
    fill_lost_dir(folder);
  });
}

void write_at_once() {
  if (write_mode() != WriteMode::kNever) set_write_mode(WriteMode::kSync);
}

}  // namespace leakdir
