// SPDX-License-Identifier: BSL-1.0
//
// Suppressions in LeakSanitizer's syntax: which live blocks are known and not to be listed. Pure: text in, rules out;
// groups in, fewer groups out. Commands ask through common_options.hh.
//
//   # a comment, a line of its own
//   leak:PATTERN
//
// A stack is suppressed when the pattern is found in the function, the file or the module of one of its frames, those
// that were inlined included. In a pattern `*` stands for anything; `^` at its start and `$` at its end hold it to the
// start and the end of the name. The first frame from the inside that a rule matches decides, and in the order of the
// file the first rule that matches it: each block is counted once.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "group.hh"
#include "load/snapshot.hh"
#include "symbols/symbols.hh"

namespace leakdir::tool {

bool matches_pattern(std::string_view pattern, std::string_view name);

struct Suppression {
  std::string pattern;
  std::string origin;  // "FILE:LINE"
  bool is_the_programs = false;
};

struct SuppressionUse {
  Suppression rule;
  std::uint64_t stacks = 0, blocks = 0, bytes = 0;  // that it took
};

// The rules of one text; `name` is what messages call it. A line that is none throws Error, naming the line, unless
// `warnings` is given: then it is passed over, with a warning.
std::vector<Suppression> parse_suppressions(std::string_view text, const std::string& name,
                                            std::vector<std::string>* warnings = nullptr);

// Takes the groups that a rule matches out of `grouped`, and out of its totals. What each rule took, in their order.
// `lines` must know every frame of every group.
std::vector<SuppressionUse> suppress(const Snapshot& snapshot, const FrameLines& lines, std::vector<Suppression> rules,
                                     Grouped& grouped);

// One sentence for each rule that took nothing; the program's own are for other runs too and are left out.
std::vector<std::string> unused(const std::vector<SuppressionUse>& rules);

// Suppressions for the first `shown` groups, ready to paste, each with a comment that says what it would take of all.
// `lines` must know every frame of every group.
std::string suppressions_for(const Snapshot& snapshot, const FrameLines& lines, const Grouped& grouped,
                             std::size_t shown);

}  // namespace leakdir::tool
