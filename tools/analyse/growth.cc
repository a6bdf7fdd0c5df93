// SPDX-License-Identifier: BSL-1.0
#include "growth.hh"

#include <algorithm>
#include <numeric>

#include "base/words.hh"

namespace leakdir::tool {

namespace {

Change amount_of(std::uint64_t blocks, std::uint64_t bytes) {
  return {static_cast<std::int64_t>(blocks), static_cast<std::int64_t>(bytes)};
}

Change operator-(const Change& now, const Change& before) {
  return {now.blocks - before.blocks, now.bytes - before.bytes};
}

void append(std::string& identity, std::uint64_t number) {
  identity.append(reinterpret_cast<const char*>(&number), sizeof number);
}

}  // namespace

std::string GrowthMeter::identity_of(const Snapshot& snapshot, const Group& group) {
  std::string identity = {static_cast<char>(group.call), static_cast<char>(group.reach)};
  for (std::uint32_t index : frames_of(snapshot, group.stack)) {
    const Frame& frame = snapshot.frames[index];
    std::pair<std::string, std::string> file;
    if (frame.is_place)
      file = {snapshot.places[frame.module], "place"};
    else if (frame.module != kNone)
      file = {snapshot.modules[frame.module].path, snapshot.modules[frame.module].build_id};
    append(identity, files_.try_emplace(file, static_cast<std::uint32_t>(files_.size())).first->second);
    append(identity, offset_of(snapshot, frame));
  }
  return identity;
}

Growth GrowthMeter::measure(const Snapshot& snapshot, const Grouped& grouped) {
  if (is_first_) {
    start_ns_ = snapshot.end_ns;
    total_ = amount_of(grouped.blocks, grouped.bytes);
  }
  Growth growth;
  growth.when = "in " + age_of(snapshot.end_ns - start_ns_);
  growth.total = amount_of(grouped.blocks, grouped.bytes) - total_;
  for (const auto& group : grouped.groups) {
    const Change now = amount_of(group.blocks.size(), group.bytes);
    const std::string identity = identity_of(snapshot, group);
    if (is_first_) at_start_[identity] = now;
    const auto before = at_start_.find(identity);
    growth.groups.push_back(before == at_start_.end() ? now : now - before->second);
  }
  is_first_ = false;
  return growth;
}

void sort_by_growth(Grouped& grouped, Growth& growth) {
  std::vector<std::size_t> order(grouped.groups.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return growth.groups[a].bytes > growth.groups[b].bytes; });
  std::vector<Group> groups;
  std::vector<Change> changes;
  for (std::size_t i : order) {
    groups.push_back(std::move(grouped.groups[i]));
    changes.push_back(growth.groups[i]);
  }
  grouped.groups = std::move(groups);
  growth.groups = std::move(changes);
}

}  // namespace leakdir::tool
