// SPDX-License-Identifier: BSL-1.0
#include "leave_out.hh"

#include <utility>

#include "analyse/runtimes.hh"

namespace leakdir::tool {

bool goes_by_names(const SuppressionOptions& options, const std::vector<Suppression>& rules) {
  return !rules.empty() || !options.lists_runtimes;
}

std::vector<SuppressionUse> leave_out(const SuppressionOptions& options, std::vector<Suppression> rules,
                                      const Snapshot& snapshot, const FrameLines& lines, Grouped& grouped) {
  if (!options.lists_runtimes) leave_out_runtimes(snapshot, lines, grouped);
  return suppress(snapshot, lines, std::move(rules), grouped);
}

}  // namespace leakdir::tool
