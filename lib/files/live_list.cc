// SPDX-License-Identifier: BSL-1.0
#include "live_list.hh"

#include "include/leakdir/leakdir.h"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "render.hh"
#include "shared/record.hh"

namespace leakdir {
namespace {

using ledger::Block;

bool is_listed_since(const Block& block, std::uint64_t since_sequence) {
  return ledger::block_state(block.word[0]) == ledger::BlockState::kLive &&
         is_listed(ledger::block_flags(block.word[0])) && ledger::block_sequence(block.word[2]) > since_sequence;
}

void show_block(RecordText& text, const Block& block, VisitLive* visit, void* context) {
  const void* frames[kMaxFrames];
  const unsigned count = return_addresses(block, frames, kMaxFrames);
  const Rendered record = render_block(text, block);
  const_cast<char*>(record.text)[record.bytes] = '\0';
  const ledger::Thread* const thread = thread_of(block);
  const ledger::Reach reach = ledger::block_reach(block.word[0]);
  const leakdir_block shown = {reinterpret_cast<const void*>(ledger::block_address(block.word[0])),
                               static_cast<std::size_t>(size_of(block)),
                               static_cast<unsigned long>(ledger::block_sequence(block.word[2])),
                               thread == nullptr ? 0 : static_cast<long>(thread->tid),
                               record.text,
                               frames,
                               count,
                               reach != ledger::Reach::kUnknown ? ledger::name_of(reach) : nullptr};
  visit(&shown, context);
}

}  // namespace

bool is_libc_listed() { return ledger_file.header()->option_libc != 0; }

LiveTotals count_live(std::uint64_t since_sequence) {
  LiveTotals totals = {};
  for_each_row(all_block_rows(), [&](std::uint32_t row) {
    const Block block = copy_row(row);
    if (!is_listed_since(block, since_sequence)) return;
    const std::uint64_t bytes = size_of(block);
    ++totals.blocks;
    totals.bytes += bytes;
    if (!has_file(block)) ++totals.without_file;
    const ledger::Reach reach = ledger::block_reach(block.word[0]);
    ++totals.blocks_of_kind[static_cast<unsigned>(reach)];
    if (!ledger::is_lost(reach)) return;
    ++totals.lost_blocks;
    if (!has_file(block)) ++totals.lost_without_file;
    totals.lost_bytes += bytes;
  });
  return totals;
}

bool has_nothing_to_show() {
  const ledger::Header& header = *ledger_file.header();
  if (header.bad_frees != 0 || header.dropped_blocks != 0 || header.write_errors != 0 || header.unseen_blocks != 0 ||
      header.passed_by != 0)
    return false;
  return count_live(0).blocks == 0;
}

void for_each_live(std::uint64_t since_sequence, std::uint64_t upto_sequence, VisitLive* visit, void* context) {
  // Not the thread's own: what the visitor allocates may be rendered there.
  const RecordTextRoom room;
  if (room.text() == nullptr) return;
  for_each_row(all_block_rows(), [&](std::uint32_t row) {
    const Block block = copy_row(row);
    if (!is_listed_since(block, since_sequence) || ledger::block_sequence(block.word[2]) > upto_sequence) return;
    if (is_same_block(row, block)) show_block(*room.text(), block, visit, context);
  });
}

}  // namespace leakdir
