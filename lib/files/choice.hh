// SPDX-License-Identifier: BSL-1.0
//
// Which of very many blocks have a place where there are few: the first of each stack before the second of any, and
// among these definitely lost ones before others, then in the order of the rows. Memory of its own while it is there: 4
// bytes for each node, a bit for each row. Allocates nothing by malloc; one thread.

#pragma once

#include <cstddef>
#include <cstdint>

#include "ledger/live_table.hh"
#include "ledger/row.hh"
#include "shared/ledger.hh"

namespace leakdir {

class Choice {
 public:
  Choice();
  ~Choice();
  Choice(const Choice&) = delete;
  Choice& operator=(const Choice&) = delete;

  // False: there was no memory; then nothing else may be called.
  bool is_usable() const { return memory_ != nullptr; }

  // `places` of the blocks for which is(block) holds, or all of them.
  template <class Is>
  void choose(Is is, std::uint64_t places);
  bool has(std::uint32_t row) const { return row < rows_.end && (chosen()[byte_of(row)] & bit_of(row)) != 0; }

 private:
  std::uint32_t* counts() const { return static_cast<std::uint32_t*>(memory_); }  // of blocks, by stack
  unsigned char* chosen() const { return reinterpret_cast<unsigned char*>(counts() + stacks_); }
  // A row has a bit.
  static std::uint32_t byte_of(std::uint32_t row) { return row / ledger::kBlockWords / 8; }
  static unsigned bit_of(std::uint32_t row) { return 1u << row / ledger::kBlockWords % 8; }
  void forget_counts();
  void forget_all();
  // The first `each` of each stack have a place, and so many more of those that come next.
  struct Share {
    std::uint32_t each;
    std::uint64_t more;
  };
  template <class Is>
  void give(Share& left, Is is);
  static bool is_definitely_lost(const ledger::Block& block) {
    return ledger::block_reach(block.word[0]) == ledger::Reach::kDefinite;
  }
  std::uint64_t taken_by(std::uint32_t each) const;
  Share share(std::uint64_t places) const;
  std::uint32_t* count_of(const ledger::Block& block) const {
    const std::uint32_t stack = stack_of(block);
    return counts() + (stack < stacks_ ? stack : 0);
  }

  RowRange rows_;
  std::uint32_t stacks_;
  std::size_t bytes_;
  void* memory_;
};

template <class Is>
void Choice::choose(Is is, std::uint64_t places) {
  forget_all();
  for_each_row(rows_, [&](std::uint32_t row) {
    const ledger::Block block = copy_row(row);
    if (is(block)) ++*count_of(block);
  });
  Share left = share(places);
  forget_counts();
  give(left, [&](const ledger::Block& block) { return is(block) && is_definitely_lost(block); });
  give(left, [&](const ledger::Block& block) { return is(block) && !is_definitely_lost(block); });
}

template <class Is>
void Choice::give(Share& left, Is is) {
  for_each_row(rows_, [&](std::uint32_t row) {
    const ledger::Block block = copy_row(row);
    if (!is(block)) return;
    const std::uint32_t before = (*count_of(block))++;
    if (before > left.each || (before == left.each && left.more == 0)) return;
    if (before == left.each) --left.more;
    chosen()[byte_of(row)] = static_cast<unsigned char>(chosen()[byte_of(row)] | bit_of(row));
  });
}

}  // namespace leakdir
