// SPDX-License-Identifier: BSL-1.0
#include "report_model.hh"

#include <algorithm>

namespace leakdir::tool {

std::vector<std::uint32_t> shown_stacks(const Snapshot& snapshot, const Grouped& grouped, std::size_t shown) {
  std::vector<std::uint32_t> stacks;
  for (std::size_t i = 0; i < shown; ++i) stacks.push_back(grouped.groups[i].stack);
  for (const auto& bad_free : snapshot.bad_frees)
    stacks.insert(stacks.end(), {bad_free.free_stack, bad_free.first_free_stack, bad_free.allocation_stack});
  return stacks;
}

std::size_t grew_most(const Growth& growth) {
  const auto most = std::max_element(growth.groups.begin(), growth.groups.end(),
                                     [](const Change& a, const Change& b) { return a.bytes < b.bytes; });
  if (most == growth.groups.end() || most->bytes <= 0) return growth.groups.size();
  return static_cast<std::size_t>(most - growth.groups.begin());
}

Change change_to(const Estimate& amount) {
  return {static_cast<std::int64_t>(amount.whole_blocks()), static_cast<std::int64_t>(amount.whole_bytes())};
}

Growth recent_growth(const Snapshot& snapshot, const Grouped& grouped, std::int64_t age_ns) {
  Growth growth;
  growth.over_ns = age_ns;
  if (snapshot.sample_bytes != 0) growth.when += kEstimated;
  for (const auto& group : grouped.groups) {
    Estimate recent;
    for (std::uint32_t index : group.blocks) {
      const Block& block = snapshot.blocks[index];
      if (snapshot.end_ns - block.time_ns >= age_ns) continue;
      recent.add(block);
    }
    const Change change = change_to(recent);
    growth.groups.push_back(change);
    growth.total.blocks += change.blocks;
    growth.total.bytes += change.bytes;
  }
  return growth;
}

Sum not_shown(const Report& report) {
  Sum sum;
  for (std::size_t i = 0; i < report.grouped.groups.size(); ++i) {
    if (i >= report.first && i < report.shown) continue;
    ++sum.stacks;
    sum.blocks += report.grouped.groups[i].blocks.size();
    sum.bytes += report.grouped.groups[i].bytes;
    sum.all += report.grouped.groups[i].all;
  }
  return sum;
}

}  // namespace leakdir::tool
