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

// "leak", "new leak", "leak that grew", "held block that is lost", "bad free"
const char* finding_name(const CheckReport& report, const Difference& difference);

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
