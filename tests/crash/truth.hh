// SPDX-License-Identifier: BSL-1.0
//
// The model of the ledger that it is held against: at any instant a reader's answer is the set of blocks that are live,
// give or take the one call that each thread is in.

#pragma once

#include <string>

#include "board.h"
#include "load/snapshot.hh"

namespace leakdir_test {

// A Board in a file, mapped: what the program wrote before it died is there.
class SharedBoard {
 public:
  explicit SharedBoard(const std::string& path);
  ~SharedBoard();
  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;

  const Board& now() const { return *board_; }
  bool has_started() const { return __atomic_load_n(&board_->started, __ATOMIC_SEQ_CST) != 0; }

 private:
  Board* board_;
};

// What is wrong with the snapshot, as one sentence; empty if nothing is.
std::string difference(const Board& board, const leakdir::tool::Snapshot& snapshot);

// The same for the record files of DIR in sync mode: each live block has one, before malloc returned, and there is no
// other, but for the calls under way.
std::string difference_of_files(const Board& board, const std::string& dir);

}  // namespace leakdir_test
