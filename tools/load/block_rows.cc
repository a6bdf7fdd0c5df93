// SPDX-License-Identifier: BSL-1.0
#include "block_rows.hh"

#include <algorithm>

namespace leakdir::tool {

bool BlockRows::read(std::uint32_t index, BlockRow& to) const {
  if (is_old_) return reader_.read(ledger::Kind::kBlocks, index, to.word);
  ledger::Block row;
  if (!reader_.read(ledger::Kind::kBlocks, index, row)) return false;
  to = row_at(reinterpret_cast<const char*>(&row));
  return true;
}

Block BlockRows::block_of(const BlockRow& row) const {
  const auto& word = row.word;
  Block block;
  block.address = ledger::block_address(word[0]);
  block.flags = static_cast<std::uint16_t>(ledger::block_flags(word[0]) & ~ledger::kReachMask);
  block.reach = ledger::block_reach(word[0]);
  block.call = static_cast<std::uint8_t>(ledger::block_call(word[0]));
  if (is_old_) {
    block.size = ledger::low48(word[1]);
    block.sequence = ledger::low48(word[2]);
    block.time_ns = static_cast<std::int64_t>(ledger::low48(word[3]));
    block.stack = ledger::old_block_stack(word[2], word[3]);
    block.thread = static_cast<std::uint16_t>(ledger::high16(word[1]));
  } else {
    block.size = ledger::block_size_in_row(word[2]);
    block.sequence = ledger::block_sequence(word[2]);
    block.time_ns = static_cast<std::int64_t>(ledger::block_time(word[1]));
    block.stack = ledger::block_stack(word[1]);
    block.thread = ledger::block_thread({{word[0], word[1], word[2]}});
  }
  return block;
}

Periods::Periods(const LedgerReader& reader) : periods_(1, ledger::Period{0, 0}) {
  if (reader.is_of_old_version()) return;
  const std::uint32_t current = ledger::current_period(reader.header().sequence);
  // In a damaged ledger they may be in any order: times are wrong then, and nothing else is.
  ledger::Period some[256];
  for (std::uint32_t index = 1; index <= current;) {
    const std::size_t wanted = std::min<std::size_t>(std::size(some), current + 1 - index);
    const std::size_t got = reader.read_rows(ledger::Kind::kPeriods, index, wanted, some);
    has_gaps_ |= got == 0;
    if (got == 0) break;
    for (std::size_t i = 0; i < got; ++i) has_gaps_ |= some[i].after == 0 && some[i].start == 0;
    periods_.insert(periods_.end(), some, some + got);
    index += static_cast<std::uint32_t>(got);
  }
}

std::uint64_t Periods::ticks(const Block& block) const {
  const auto behind = std::partition_point(periods_.begin() + 1, periods_.end(),
                                           [&](const ledger::Period& period) { return period.after < block.sequence; });
  return (behind - 1)->start + static_cast<std::uint64_t>(block.time_ns);
}

void SizeNodes::complete(Block& block) {
  if (reader_.is_of_old_version() || block.stack == 0) return;
  std::uint32_t& other = others_[block.stack % others_.size()];
  if (other == block.stack) return;
  ledger::Node node;
  const bool is_there = reader_.read_node(block.stack, node);
  are_missing_ |= !is_there;
  if (!is_there || !ledger::is_size_node(node)) {
    other = block.stack;
    return;
  }
  const bool is_possible = ledger::low48(node.pc_module) <= ledger::kMask48 >> ledger::kSizeBits;
  are_impossible_ |= !is_possible;
  if (is_possible) block.size |= ledger::size_above_row(node);
  block.stack = node.parent;
}

}  // namespace leakdir::tool
