// SPDX-License-Identifier: BSL-1.0
#include "block_file.hh"

#include <errno.h>

#include <atomic>

#include "disk_room.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "record_dir.hh"
#include "render.hh"
#include "shared/record.hh"
#include "system/messages.hh"

namespace leakdir {
namespace {

std::uint64_t most_files = 0;
std::atomic<std::uint64_t> files{0};

bool count_file(RecordFolder folder) {
  const std::uint64_t before = files.fetch_add(1, std::memory_order_relaxed);
  if (before < most_files && disk_has_room_for_another(folder, before)) return true;
  uncount_block_file();
  return false;
}

bool has_file(std::uint32_t row) { return (ledger::block_flags(state_word(row)) & ledger::kFlagFiled) != 0; }

}  // namespace

void configure_block_files(std::uint64_t max_files, std::uint64_t max_disk) {
  most_files = max_files;
  files.store(0, std::memory_order_relaxed);
  configure_disk_room(max_disk);
}

bool is_room_for_files() { return files.load(std::memory_order_relaxed) < most_files && disk_has_room(); }

std::uint64_t most_block_files() { return most_files; }

std::uint64_t count_block_files() { return files.load(std::memory_order_relaxed); }

bool are_there_files() { return files.load(std::memory_order_relaxed) != 0; }

bool has_room_for_another_file(RecordFolder folder) {
  return disk_has_room_for_another(folder, files.load(std::memory_order_relaxed));
}

void look_for_room(RecordFolder folder) { look_at_disk(folder, files.load(std::memory_order_relaxed)); }

void uncount_block_file() { files.fetch_sub(1, std::memory_order_relaxed); }

void file_has_failed(int error) {
  __atomic_fetch_add(&ledger_file.header()->write_errors, 1, __ATOMIC_RELAXED);
  messages::cannot_write_record(record_dir_shown(), error);
}

MadeFile make_block_file(RecordFolder folder, std::uint32_t row, ledger::Block& block, RecordText& text) {
  if (!is_same_block(row, block)) return {FileOutcome::kNotNow, 0};  // half of it may be another's: its stack is none
  if (!count_file(folder)) return {FileOutcome::kNotNow, 0};
  return make_block_file_in_place(folder, row, block, text);
}

MadeFile make_block_file_in_place(RecordFolder folder, std::uint32_t row, ledger::Block& block, RecordText& text) {
  const Rendered record = render_block(text, block);
  const std::uint64_t address = ledger::block_address(block.word[0]);
  const int error = create_record(folder, address, kRecordSuffix, record.text, record.bytes);
  if (error != 0) {
    uncount_block_file();
    return {FileOutcome::kFailed, error};
  }
  // Freed meanwhile: nobody else knows of the file. Freed and the same row used again for the same address: the mark
  // would stick to another block, so the file goes and the next look makes the right one.
  if (!set_block_flags(row, block.word[0], ledger::kFlagFiled, 0)) {
    remove_block_file(folder, address);
    return {FileOutcome::kGivenUp, 0};
  }
  if (is_same_block(row, block)) return {FileOutcome::kMade, 0};
  const ledger::Block other = copy_row(row);
  if (set_block_flags(row, block.word[0] | ledger::flag_bits(ledger::kFlagFiled), 0, ledger::kFlagFiled)) {
    remove_block_file(folder, address);
    return {FileOutcome::kNotNow, 0};
  }
  block = other;  // freed as well, just now
  return {FileOutcome::kMade, 0};
}

bool take_block_file(RecordFolder folder, std::uint32_t row, const ledger::Block& block) {
  // Once the mark is gone, whoever frees the block leaves the file to us.
  if (!set_block_flags(row, block.word[0], 0, ledger::kFlagFiled)) return false;
  const int error = remove_record(folder, ledger::block_address(block.word[0]), kRecordSuffix);
  if (error == 0 || error == -ENOENT) return true;
  uncount_block_file();
  file_has_failed(error);
  return false;
}

void remove_block_file(RecordFolder folder, std::uint64_t address) {
  const int error = remove_record(folder, address, kRecordSuffix);
  uncount_block_file();
  if (error != 0 && error != -ENOENT) file_has_failed(error);
}

void remove_old_block_file(RecordFolder folder, std::uint64_t address) {
  const std::uint32_t live = find_live_block(address);
  if (live != 0 && has_file(live)) return uncount_block_file();
  remove_block_file(folder, address);
}

}  // namespace leakdir
