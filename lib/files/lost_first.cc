// SPDX-License-Identifier: BSL-1.0
#include "lost_first.hh"

#include <errno.h>

#include "block_file.hh"
#include "choice.hh"
#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "live_list.hh"

namespace leakdir {
namespace {

using ledger::Block;

bool is_live(const Block& block) { return ledger::block_state(block.word[0]) == ledger::BlockState::kLive; }
bool is_listed_block(const Block& block) { return is_listed(ledger::block_flags(block.word[0])); }
bool is_lost(const Block& block) {
  return is_live(block) && is_listed_block(block) && ledger::is_lost(ledger::block_reach(block.word[0]));
}
bool lacks_file(const Block& block) { return is_lost(block) && !has_file(block); }
bool is_lost_with_file(const Block& block) { return is_lost(block) && has_file(block); }
bool is_other_with_file(const Block& block) { return is_live(block) && has_file(block) && !is_lost(block); }

template <class Visit>
void for_each_row(Visit visit) {
  for_each_row(all_block_rows(), [&](std::uint32_t row) {
    Block block = copy_row(row);
    visit(row, block);
  });
}

template <class Is>
std::uint64_t count_rows(Is is) {
  std::uint64_t count = 0;
  for_each_row([&](std::uint32_t row, const Block& block) { count += is(row, block) ? 1 : 0; });
  return count;
}

// What has turned out to be libc's own only now.
void remove_unlisted_files(RecordFolder folder) {
  for_each_row([&](std::uint32_t row, const Block& block) {
    if (is_live(block) && has_file(block) && !is_listed_block(block) && take_block_file(folder, row, block))
      uncount_block_file();
  });
}

// Of blocks that have a file so many keep it, the first of each stack before the second of any. Returns how many places
// the others' make.
template <class Is>
std::uint64_t take_places(RecordFolder folder, Choice& choice, std::uint64_t keep, Is is) {
  choice.choose(is, keep);
  return count_rows([&](std::uint32_t row, const Block& block) {
    return is(block) && !choice.has(row) && take_block_file(folder, row, block);
  });
}

bool is_disk_full(const MadeFile& made) {
  return made.outcome == FileOutcome::kFailed && (made.error == -ENOSPC || made.error == -EDQUOT);
}

// The files of chosen blocks that have none, as long as make(row, block) makes some. False: none can be made there.
template <class Make>
bool make_files(const Choice& choice, Make make) {
  bool goes_on = true, is_well = true;
  for_each_row([&](std::uint32_t row, Block& block) {
    if (!goes_on || !lacks_file(block) || !choice.has(row)) return;
    const MadeFile made = make(row, block);
    if (made.outcome != FileOutcome::kFailed) return;
    goes_on = false;
    is_well = is_disk_full(made);
  });
  return is_well;
}

bool make_files_in_room(RecordFolder folder, RecordText& text, const Choice& choice) {
  return make_files(choice, [&](std::uint32_t row, Block& block) {
    if (!is_room_for_files()) return MadeFile{FileOutcome::kNotNow, 0};
    return make_block_file(folder, row, block, text);
  });
}

bool make_files_in_places(RecordFolder folder, RecordText& text, const Choice& choice, std::uint64_t places) {
  const bool is_well = make_files(choice, [&](std::uint32_t row, Block& block) {
    if (places == 0) return MadeFile{FileOutcome::kNotNow, 0};
    --places;
    return make_block_file_in_place(folder, row, block, text);
  });
  for (; places != 0; --places) uncount_block_file();
  return is_well;
}

}  // namespace

void make_files_of_lost_blocks(RecordFolder folder, RecordText& text) {
  const auto lacks = [](std::uint32_t, const Block& block) { return lacks_file(block); };
  if (count_rows(lacks) == 0) return;
  remove_unlisted_files(folder);
  look_for_room(folder);
  Choice lost, kept;
  if (!lost.is_usable() || !kept.is_usable()) return;
  lost.choose(is_lost, most_block_files());
  if (!make_files_in_room(folder, text, lost)) return;
  // What others have.
  const auto is_missing = [&](std::uint32_t row, const Block& block) { return lacks_file(block) && lost.has(row); };
  const auto is_other = [](std::uint32_t, const Block& block) { return is_other_with_file(block); };
  std::uint64_t missing = count_rows(is_missing);
  if (missing == 0) return;
  const std::uint64_t others = count_rows(is_other);
  std::uint64_t places = take_places(folder, kept, others > missing ? others - missing : 0, is_other_with_file);
  if (!make_files_in_places(folder, text, lost, places)) return;
  // Not enough: those of one stack have what others need, as they were there before.
  missing = count_rows(is_missing);
  if (missing == 0) return;
  const std::uint64_t there = count_rows([](std::uint32_t, const Block& block) { return is_lost_with_file(block); });
  lost.choose(is_lost, there);
  places = count_rows([&](std::uint32_t row, const Block& block) {
    return is_lost_with_file(block) && !lost.has(row) && take_block_file(folder, row, block);
  });
  make_files_in_places(folder, text, lost, places);
}

}  // namespace leakdir
