// SPDX-License-Identifier: BSL-1.0
//
// Stacks with the same content are found first, in one pass over the nodes; then blocks are added up.

#include "group.hh"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

namespace leakdir::tool {

namespace {

// For each node, the first node with the same content. Parents come before their children in Snapshot::nodes, so one
// pass is enough: a stack's content is its innermost frame and the content of the rest.
std::vector<std::uint32_t> equal_nodes(const Snapshot& snapshot) {
  // Modules that are the same file, loaded twice, count as one; so do frames at the same place of it.
  std::map<std::tuple<std::string, std::string>, std::uint32_t> module_of;
  std::vector<std::uint32_t> same_module;
  for (const auto& module : snapshot.modules) {
    auto index = static_cast<std::uint32_t>(same_module.size());
    same_module.push_back(module_of.try_emplace({module.path, module.build_id}, index).first->second);
  }
  std::map<std::tuple<std::uint64_t, std::uint32_t, bool, bool>, std::uint32_t> frame_of;
  std::vector<std::uint32_t> same_frame;
  for (const auto& frame : snapshot.frames) {
    auto index = static_cast<std::uint32_t>(same_frame.size());
    std::uint32_t module = frame.is_place || frame.module == kNone ? frame.module : same_module[frame.module];
    same_frame.push_back(
        frame_of.try_emplace({offset_of(snapshot, frame), module, frame.is_place, frame.is_exact}, index)
            .first->second);
  }
  std::unordered_map<std::uint64_t, std::uint32_t> node_of;
  node_of.reserve(snapshot.nodes.size());
  std::vector<std::uint32_t> same_node;
  same_node.reserve(snapshot.nodes.size());
  for (const auto& node : snapshot.nodes) {
    auto index = static_cast<std::uint32_t>(same_node.size());
    std::uint32_t parent = node.parent == kNone ? kNone : same_node[node.parent];
    std::uint64_t content = std::uint64_t{same_frame[node.frame]} << 32 | parent;
    same_node.push_back(node_of.try_emplace(content, index).first->second);
  }
  return same_node;
}

// Ties are broken by what else tells groups apart, so that the same ledger always gives the same report.
auto rank(const Group& group, Sort sort) {
  const std::uint64_t bytes = ~group.all.whole_bytes(), blocks = ~group.all.whole_blocks();
  const auto oldest = static_cast<std::uint64_t>(group.oldest_ns);
  switch (sort) {
    case Sort::kBlocks:
      return std::make_tuple(blocks, bytes, oldest);
    case Sort::kAge:
      return std::make_tuple(oldest, bytes, blocks);
    default:
      return std::make_tuple(bytes, blocks, oldest);
  }
}

std::size_t place_of(ledger::Reach reach) {
  return static_cast<std::size_t>(std::find(std::begin(kKindOrder), std::end(kKindOrder), reach) -
                                  std::begin(kKindOrder));
}

void add_to(KindSums& sums, const Group& group) {
  KindSum& sum = sums[static_cast<std::size_t>(group.reach)];
  ++sum.stacks;
  sum.blocks += group.blocks.size();
  sum.bytes += group.bytes;
  sum.all += group.all;
}

// A list that has become long is often that of nearly all blocks: it is not to be copied each time it is twice as long.
void add_to(std::vector<std::uint32_t>& blocks, std::uint32_t block, std::size_t most_more) {
  constexpr std::size_t kLong = 4096, kTimes = 16;
  if (blocks.size() == blocks.capacity() && blocks.size() >= kLong)
    blocks.reserve(blocks.size() + std::min(most_more, kTimes * blocks.size()));
  blocks.push_back(block);
}

}  // namespace

Grouped group(const Snapshot& snapshot, const GroupOptions& options) {
  const auto same_node = equal_nodes(snapshot);
  Grouped grouped;
  grouped.sort = options.sort;
  grouped.knows_kinds = knows_kinds(snapshot);
  std::unordered_map<std::uint64_t, std::size_t> group_of;
  std::vector<bool> is_in_order;               // of each group: its blocks were made in this order
  std::uint64_t last_key = ~std::uint64_t{0};  // of the block before
  std::size_t last = 0;
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    const Block &left = snapshot.blocks[a], &right = snapshot.blocks[b];
    return std::tie(left.sequence, left.address) < std::tie(right.sequence, right.address);
  };
  const auto is_older = [&](std::uint32_t a, std::uint32_t b) {
    const std::int64_t left = snapshot.blocks[a].time_ns, right = snapshot.blocks[b].time_ns;
    return left != right ? left < right : before(a, b);
  };
  std::vector<std::uint32_t> oldest;  // of each group
  for (std::uint32_t i = 0; i < snapshot.blocks.size(); ++i) {
    const Block& block = snapshot.blocks[i];
    if (block.flags & ledger::kFlagIgnored) {
      ++grouped.ignored_blocks;
      continue;
    }
    if ((block.flags & ledger::kFlagLibc) && !options.lists_libc) {
      ++grouped.libc_blocks;
      grouped.libc_bytes += block.size;
      continue;
    }
    if (options.min_age_ns > 0 && snapshot.end_ns - block.time_ns < options.min_age_ns) {
      ++grouped.young_blocks;
      continue;
    }
    const std::uint32_t content = block.stack == kNone ? kNone : same_node[block.stack];
    static_assert(ledger::kCalls <= 16 && ledger::kReaches <= 8);
    const auto kind = static_cast<std::uint64_t>(block.reach);
    const std::uint64_t key = std::uint64_t{content} << 8 | kind << 4 | block.call;
    if (key != last_key) {
      const auto [at, is_new] = group_of.try_emplace(last_key = key, grouped.groups.size());
      last = at->second;
      if (is_new) {
        grouped.groups.emplace_back();
        grouped.groups.back().same_stack = std::uint64_t{content} << 8 | block.call;
        is_in_order.push_back(true);
        oldest.push_back(i);
      }
    }
    Group& group = grouped.groups[last];
    if (!group.blocks.empty() && is_in_order[last]) is_in_order[last] = before(group.blocks.back(), i);
    if (is_older(i, oldest[last])) oldest[last] = i;
    group.call = block.call;
    group.reach = block.reach;
    group.is_truncated |= (block.flags & ledger::kFlagTruncated) != 0;
    group.is_early |= (block.flags & ledger::kFlagEarly) != 0;
    group.inherited += (block.flags & ledger::kFlagInherited) != 0;
    group.bytes += block.size;
    group.all.add(block);
    add_to(group.blocks, i, snapshot.blocks.size() - i);
    ++grouped.blocks;
    grouped.bytes += block.size;
    grouped.all.add(block);
  }
  for (std::size_t i = 0; i < grouped.groups.size(); ++i) {
    Group& group = grouped.groups[i];
    if (!is_in_order[i]) std::sort(group.blocks.begin(), group.blocks.end(), before);
    group.stack = snapshot.blocks[oldest[i]].stack;
    group.oldest_ns = snapshot.blocks[oldest[i]].time_ns;
  }
  // Groups were made in the order of the blocks in the file; a stable order for equal ranks is that of their addresses.
  auto first_address = [&](const Group& group) { return snapshot.blocks[group.blocks.front()].address; };
  std::sort(grouped.groups.begin(), grouped.groups.end(), [&](const Group& a, const Group& b) {
    if (a.reach != b.reach) return place_of(a.reach) < place_of(b.reach);
    auto left = rank(a, options.sort), right = rank(b, options.sort);
    return left != right ? left < right : first_address(a) < first_address(b);
  });
  return grouped;
}

std::size_t count_stacks(const std::vector<Group>& groups) {
  std::unordered_set<std::uint64_t> stacks;
  for (const auto& group : groups) stacks.insert(group.same_stack);
  return stacks.size();
}

void keep_kinds(Grouped& grouped, KindSet kinds) {
  if (!grouped.knows_kinds) return;
  grouped.kinds = kinds;
  auto is_hidden = [&](const Group& group) {
    if (has(kinds, group.reach)) return false;
    add_to(grouped.hidden, group);
    grouped.blocks -= group.blocks.size();
    grouped.bytes -= group.bytes;
    grouped.all -= group.all;
    return true;
  };
  auto& groups = grouped.groups;
  groups.erase(std::remove_if(groups.begin(), groups.end(), is_hidden), groups.end());
}

KindSums listed_kinds(const Grouped& grouped) {
  KindSums sums = {};
  for (const auto& group : grouped.groups) add_to(sums, group);
  return sums;
}

KindSums all_kinds(const Grouped& grouped) {
  KindSums sums = listed_kinds(grouped);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i].stacks += grouped.hidden[i].stacks;
    sums[i].blocks += grouped.hidden[i].blocks;
    sums[i].bytes += grouped.hidden[i].bytes;
    sums[i].all += grouped.hidden[i].all;
  }
  return sums;
}

}  // namespace leakdir::tool
