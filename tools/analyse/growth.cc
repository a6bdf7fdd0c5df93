// SPDX-License-Identifier: BSL-1.0
#include "growth.hh"

#include <algorithm>
#include <numeric>

#include "base/words.hh"

namespace leakdir::tool {

namespace {

Change operator-(const Change& now, const Change& before) {
  return {now.blocks - before.blocks, now.bytes - before.bytes};
}

Change& operator+=(Change& sum, const Change& more) {
  sum.blocks += more.blocks;
  sum.bytes += more.bytes;
  return sum;
}

void append(std::string& identity, std::uint64_t number) {
  identity.append(reinterpret_cast<const char*>(&number), sizeof number);
}

}  // namespace

std::string GrowthMeter::identity_of(const Snapshot& snapshot, const Group& group, bool with_kind) {
  std::string identity = {static_cast<char>(group.call), with_kind ? static_cast<char>(group.reach) : '\0'};
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
    total_ = change_to(grouped.all);
    knew_kinds_ = grouped.knows_kinds;
  }
  const bool by_kind = knew_kinds_ && grouped.knows_kinds;
  const std::unordered_map<std::string, Change>& before = by_kind ? at_start_ : stacks_at_start_;
  std::unordered_map<std::string, std::size_t> first_of;  // the groups of this look
  Growth growth;
  growth.over_ns = snapshot.end_ns - start_ns_;
  growth.when = "in " + age_of(growth.over_ns);
  if (snapshot.sample_bytes != 0) growth.when += kEstimated;
  growth.total = change_to(grouped.all) - total_;
  for (const auto& group : grouped.groups) {
    const Change now = change_to(group.all);
    if (is_first_) {
      at_start_[identity_of(snapshot, group, true)] = now;
      stacks_at_start_[identity_of(snapshot, group, false)] += now;
      growth.groups.emplace_back();
      continue;
    }
    const std::string identity = identity_of(snapshot, group, by_kind);
    const auto [first, is_new] = first_of.try_emplace(identity, growth.groups.size());
    growth.groups.emplace_back();
    growth.groups[first->second] += now;
    if (const auto known = before.find(identity); is_new && known != before.end())
      growth.groups[first->second] = growth.groups[first->second] - known->second;
  }
  is_first_ = false;
  return growth;
}

void GrowthMeter::forget() {
  is_first_ = true;
  at_start_.clear();
  stacks_at_start_.clear();
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
