// SPDX-License-Identifier: BSL-1.0
//
// What a forked child takes over from its parent: the blocks that were live at the fork, and the stacks, modules,
// threads and texts that they refer to. It is copied out of the parent's ledger, which is shared and goes on, and put
// into the child's own when there is one. entry/fork.cc does one after the other.
//
// A block that the parent freed and whose row it used again meanwhile cannot be described any more; it stays
// unrecorded, and to free it is no error.

#pragma once

#include <cstdint>

#include "free_rows.hh"
#include "shared/ledger.hh"

namespace leakdir {

class Inheritance {
 public:
  Inheritance() = default;
  ~Inheritance();
  Inheritance(const Inheritance&) = delete;
  Inheritance& operator=(const Inheritance&) = delete;

  // Copies it out of the parent's ledger. False when there is no memory for it.
  bool take();

  // Puts the copies into the child's ledger, which is empty: first what blocks refer to (false when there is no room),
  // then the blocks.
  bool settle_tables() const;
  void settle_blocks(FreeRows* free_rows) const;

  const ledger::Header& parent() const { return parent_; }

 private:
  // The arrays that never change once written: copied whole, so that every index in them stays right.
  static constexpr ledger::Kind kCopied[] = {ledger::Kind::kNodes, ledger::Kind::kThreads, ledger::Kind::kModules,
                                             ledger::Kind::kText};
  static constexpr unsigned kCopies = sizeof kCopied / sizeof *kCopied;
  struct Copy {
    char* bytes;
    std::uint32_t rows;
  };

  static std::uint64_t bytes_of(const Copy& copy, ledger::Kind kind);
  static void count_block(std::uint64_t near, std::uint32_t row, void* inheritance);
  static void keep_block(std::uint64_t near, std::uint32_t row, void* inheritance);

  ledger::Header parent_ = {};
  Copy copies_[kCopies] = {};
  ledger::Block* blocks_ = nullptr;
  std::uint64_t block_count_ = 0, block_room_ = 0;
  bool some_are_lost_ = false;
};

}  // namespace leakdir
