// SPDX-License-Identifier: BSL-1.0
#include "compare.hh"

#include <algorithm>
#include <tuple>

namespace leakdir::tool {

namespace {

// `blocks` and `bytes`: how much more there is.
Fate fate_of(const TallyStack* before, const TallyStack* after, std::int64_t blocks, std::int64_t bytes) {
  if (before == nullptr) return Fate::kNew;
  // In lost_part_of_baseline() there are stacks of which nothing was lost.
  const bool was_held = before->blocks == 0 && before->held().blocks != 0;
  if (after == nullptr) return was_held ? Fate::kSame : Fate::kGone;
  if (!was_held && (blocks > 0 || bytes > 0)) return Fate::kGrown;
  if (before->knows_kinds() && after->lost().blocks > before->lost().blocks) return Fate::kLost;
  return blocks < 0 || bytes < 0 ? Fate::kShrunk : Fate::kSame;
}

Difference difference_of(const TallyStack* before, const TallyStack* after) {
  Difference difference;
  difference.before = before;
  difference.after = after;
  auto less = [&](std::uint64_t TallyStack::*member) {
    // Modulo 2^64: numbers of a damaged file may be of any size.
    return static_cast<std::int64_t>((after == nullptr ? 0 : after->*member) -
                                     (before == nullptr ? 0 : before->*member));
  };
  difference.blocks = less(&TallyStack::blocks);
  difference.bytes = less(&TallyStack::bytes);
  difference.fate = fate_of(before, after, difference.blocks, difference.bytes);
  return difference;
}

}  // namespace

std::vector<Difference> compare(const std::vector<TallyStack>& before, const std::vector<TallyStack>& after) {
  std::vector<Difference> differences;
  auto key = [](const TallyStack& stack) { return std::tie(stack.identity, stack.call); };
  auto left = before.begin(), right = after.begin();
  while (left != before.end() || right != after.end()) {
    const bool takes_left = right == after.end() || (left != before.end() && key(*left) <= key(*right));
    const bool takes_right = left == before.end() || (right != after.end() && key(*right) <= key(*left));
    differences.push_back(difference_of(takes_left ? &*left : nullptr, takes_right ? &*right : nullptr));
    if (takes_left) ++left;
    if (takes_right) ++right;
  }
  std::stable_sort(differences.begin(), differences.end(), [](const Difference& a, const Difference& b) {
    return std::tie(a.bytes, a.blocks) > std::tie(b.bytes, b.blocks);
  });
  return differences;
}

void take_less_for_unread(std::vector<Difference>& differences) {
  for (auto& difference : differences)
    if (difference.fate == Fate::kGone || difference.fate == Fate::kShrunk) difference.fate = Fate::kUnread;
}

Changes total_of(const std::vector<Difference>& differences, Fate fate) {
  Changes total;
  for (const auto& difference : differences) {
    if (difference.fate != fate) continue;
    ++total.stacks;
    total.blocks += difference.blocks;
    total.bytes += difference.bytes;
  }
  return total;
}

}  // namespace leakdir::tool
