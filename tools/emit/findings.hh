// SPDX-License-Identifier: BSL-1.0
//
// What all formats of `check` say of one stack that it fails on.

#pragma once

#include <string>

#include "emit_check.hh"

namespace leakdir::tool {

// One line: "new: +20 bytes, +1 block, malloc" where it was compared, "20 bytes in 1 block, 40.0 %, malloc" where not.
std::string finding_head(const CheckReport& report, const Difference& difference);
std::string bad_free_head(const CheckReport& report, const Difference& difference);

// "leak", "new leak", "leak that grew", "held block that is lost"
const char* finding_name(const CheckReport& report, const Difference& difference);

// visit(found, name, head) for each that is shown: the stacks first, then the bad frees.
template <class Visit>
void for_each_shown(const CheckReport& report, Visit visit) {
  for (std::size_t i = 0; i < report.shown; ++i) {
    const Difference& found = report.verdict.stacks[i];
    visit(found, finding_name(report, found), finding_head(report, found));
  }
  for (std::size_t i = 0; i < report.shown_bad_frees; ++i) {
    const Difference& found = report.verdict.bad_frees[i];
    visit(found, "bad free", bad_free_head(report, found));
  }
}

// "3 more stacks by function, 2 more places of bad frees not shown"; empty: all are.
std::string not_shown_text(const CheckReport& report);

// Where the own frame is in the sources.
struct SourcePosition {
  std::string file;  // from the source root on if it lies below; empty: not known
  unsigned line = 0;
  bool is_below_root = false;
};
SourcePosition position_of(const CheckReport& report, const SourceLine& line);
SourcePosition position_of(const CheckReport& report, const TallyStack& stack);

}  // namespace leakdir::tool
