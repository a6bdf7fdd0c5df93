// SPDX-License-Identifier: BSL-1.0
//
// One program tests/targets/soak.c under way, and what the test knows of it. Its truth is the board that it shares with
// us; each check compares that with what leakdir says.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "../targets/soak_board.h"
#include "run_program.hh"

namespace leakdir_test {

// What must not grow.
struct Figures {
  std::uint64_t anonymous_kib = 0, mappings = 0, ledger_kib = 0, descriptors = 0;
};

class Soaked {
 public:
  Soaked(std::string kind, std::string folder);  // `folder` is made
  ~Soaked();
  Soaked(const Soaked&) = delete;
  Soaked& operator=(const Soaked&) = delete;

  void start();
  // From now on what is allocated is of that phase.
  void enter(SoakPhase phase);
  void pause();
  void resume();

  // While it holds still: report, descriptors and, after a flush, the files.
  void check_while_held(bool files_too);
  void kill_and_check();
  void end_and_check();  // a normal exit
  // Of children that have ended; their directories are removed.
  void check_children();

  Figures figures() const;  // while it runs
  const SoakBoard& board() const { return *board_; }
  SoakPhase phase() const { return phase_; }

 private:
  enum class In { kReport, kFiles };
  void hold();
  void let_go();
  void wish(SoakWish wish);
  void check_blocks(const std::set<std::uint64_t>& shown, std::size_t in_hand, const std::string& where) const;
  std::set<std::uint64_t> in_report(const std::string& state) const;
  std::set<std::uint64_t> in_files() const;
  void check_words(const Outcome& outcome) const;
  std::string records() const { return folder_ + "/mem"; }

  std::string kind_, folder_;
  SoakBoard* board_;
  SoakPhase phase_ = kSoakRecorded;
  std::uint64_t descriptors_ = 0;  // 0: not known yet
  std::uint64_t children_checked_ = 0;
  std::map<std::string, unsigned> dead_;  // directories of children, and in how many looks each was seen dead
  std::unique_ptr<Process> process_;
};

}  // namespace leakdir_test
