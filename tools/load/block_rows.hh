// SPDX-License-Identifier: BSL-1.0
//
// The rows of blocks as each version of the ledger has them, and what completes them. load_ledger.cc uses it.

#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "ledger.hh"
#include "ledger_reader.hh"
#include "snapshot.hh"

namespace leakdir::tool {

// The words of a row; of today's three.
struct BlockRow {
  std::array<std::uint64_t, 4> word{};
  bool operator==(const BlockRow& other) const { return word == other.word; }
};

class BlockRows {
 public:
  explicit BlockRows(const LedgerReader& reader) : reader_(reader), is_old_(reader.is_of_old_version()) {}

  std::size_t unit_bytes() const { return reader_.row_bytes(ledger::Kind::kBlocks); }  // what extents count
  std::size_t bytes() const { return is_old_ ? sizeof(ledger::OldBlock) : sizeof(ledger::Block); }

  // Calls `visit` with the number of each row that lies in the run as a whole, and where in the run it begins.
  template <class Visit>
  void for_each(std::uint32_t first, std::size_t count, Visit visit) const {
    const std::uint32_t units = is_old_ ? 1 : ledger::kBlockWords, head = is_old_ ? 1 : ledger::kPageHeadWords;
    for (std::size_t i = 0; i + units <= count;) {
      const std::uint32_t in_page = in_page_of(first + i);
      if (in_page < head || (in_page - head) % units != 0) {
        ++i;
        continue;
      }
      visit(static_cast<std::uint32_t>(first + i), i * unit_bytes());
      i += units;
    }
  }

  // Of the pages that begin in the run.
  std::uint64_t signed_pages(std::uint32_t first, const char* at, std::size_t count) const {
    std::uint64_t pages = 0;
    const std::size_t step = is_old_ ? ledger::kOldRowsPerPage : ledger::kPageWords;
    for (std::size_t i = (step - in_page_of(first)) % step; i < count; i += step) {
      std::uint64_t word;
      std::memcpy(&word, at + i * unit_bytes() + (is_old_ ? 2 * sizeof word : 0), sizeof word);
      pages += word == ledger::kPageSign ? 1 : 0;
    }
    return pages;
  }

  BlockRow row_at(const char* at) const {
    BlockRow row;
    std::memcpy(row.word.data(), at, bytes());
    return row;
  }
  bool read(std::uint32_t index, BlockRow& to) const;

  // What the row itself says: the time in ticks since the period began, of the size what the row has.
  Block block_of(const BlockRow& row) const;

 private:
  std::uint32_t in_page_of(std::uint64_t index) const {
    return static_cast<std::uint32_t>(index % (is_old_ ? ledger::kOldRowsPerPage : ledger::kPageWords));
  }

  const LedgerReader& reader_;
  bool is_old_;
};

class Periods {
 public:
  // As they are in force now.
  explicit Periods(const LedgerReader& reader);
  // When a block was made that is as BlockRows gave it.
  std::uint64_t ticks(const Block& block) const;
  // Some are not there, or were never written.
  bool has_gaps() const { return has_gaps_; }

 private:
  bool has_gaps_ = false;
  std::vector<ledger::Period> periods_;
};

// What sizes have above the bits of their rows: in a node in front of the stack, which goes from the block's stack.
class SizeNodes {
 public:
  explicit SizeNodes(LedgerReader& reader) : reader_(reader), others_(1 << 16) {}
  void complete(Block& block);
  // Some first node of a stack is not there, and nobody knows whether it was a size's.
  bool are_missing() const { return are_missing_; }
  // Some size is larger than all addresses, and was passed over.
  bool are_impossible() const { return are_impossible_; }

 private:
  bool are_missing_ = false, are_impossible_ = false;
  LedgerReader& reader_;
  std::vector<std::uint32_t> others_;  // stacks that begin with another node, by their lower bits: the last of each
};

}  // namespace leakdir::tool
