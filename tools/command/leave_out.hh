// SPDX-License-Identifier: BSL-1.0
//
// What is not listed because the user, the program or we say so: what runtimes of languages keep, and suppressions.
// All commands that list live blocks leave the same out, in the same order.

#pragma once

#include <vector>

#include "analyse/group.hh"
#include "common_options.hh"

namespace leakdir::tool {

// Whether it goes by names: then leave_out() must know those of all stacks, else of none.
bool goes_by_names(const SuppressionOptions& options, const std::vector<Suppression>& rules);

// Takes it out of `grouped`, which counts it. `rules` are those that read_suppressions() found by the options.
std::vector<SuppressionUse> leave_out(const SuppressionOptions& options, std::vector<Suppression> rules,
                                      const Snapshot& snapshot, const FrameLines& lines, Grouped& grouped);

}  // namespace leakdir::tool
