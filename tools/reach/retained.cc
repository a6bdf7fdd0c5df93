// SPDX-License-Identifier: BSL-1.0
//
// Each block is of no root, of one, or of several, and goes that way only: so each is looked at twice at the most.

#include "retained.hh"

#include <algorithm>
#include <unordered_map>

#include "ledger.hh"

namespace leakdir::tool {

namespace {

constexpr std::uint32_t kNobody = kNone, kSeveral = kNone - 1;
constexpr std::int64_t kRecentNs = 60'000'000'000;

}  // namespace

std::vector<Retained> retained_by_root(
    const Snapshot& snapshot, const Holders& holders,
    const std::function<std::string(std::uint64_t location, std::uint32_t block)>& name_of) {
  const std::size_t count = snapshot.blocks.size();
  std::vector<std::uint32_t> owner(count, kNobody), pending;
  std::vector<Retained> roots;
  std::unordered_map<std::string, std::uint32_t> known;
  const auto give = [&](std::uint32_t block, std::uint32_t root) {
    if (owner[block] == root || owner[block] == kSeveral) return;
    owner[block] = owner[block] == kNobody ? root : kSeveral;
    pending.push_back(block);
  };
  const auto give_by = [&](std::uint64_t location, std::uint32_t block) {
    auto [root, is_new] = known.try_emplace(name_of(location, block), static_cast<std::uint32_t>(roots.size()));
    if (is_new) roots.push_back({root->first, 0, 0, 0});
    give(block, root->second);
  };
  for (const auto& root : holders.roots) give_by(root.location, root.block);
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool is_held_by_itself = holders.of[i].block == kNone && holders.of[i].location == 0;
    if (is_held_by_itself && snapshot.blocks[i].reach == ledger::Reach::kReachable) give_by(0, i);
  }

  // By the block in which they lie.
  std::vector<std::uint64_t> first(count + 1, 0);
  for (const auto& pointer : holders.pointers) ++first[pointer.from + 1];
  for (std::size_t i = 0; i < count; ++i) first[i + 1] += first[i];
  std::vector<std::uint32_t> to(holders.pointers.size());
  std::vector<std::uint64_t> next(first.begin(), first.end() - 1);
  for (const auto& pointer : holders.pointers) to[next[pointer.from]++] = pointer.to;
  while (!pending.empty()) {
    const std::uint32_t block = pending.back();
    pending.pop_back();
    for (std::uint64_t i = first[block]; i < first[block + 1]; ++i) give(to[i], owner[block]);
  }

  Retained shared;
  for (std::size_t i = 0; i < count; ++i) {
    const Block& block = snapshot.blocks[i];
    if (block.reach != ledger::Reach::kReachable || owner[i] == kNobody) continue;
    if ((block.flags & ledger::kFlagIgnored) != 0) continue;
    if ((block.flags & ledger::kFlagLibc) != 0 && !snapshot.lists_libc) continue;
    Retained& root = owner[i] == kSeveral ? shared : roots[owner[i]];
    ++root.blocks;
    root.bytes += block.size;
    if (snapshot.end_ns - block.time_ns < kRecentNs) root.recent_bytes += block.size;
  }
  roots.push_back(shared);
  roots.erase(std::remove_if(roots.begin(), roots.end(), [](const Retained& root) { return root.blocks == 0; }),
              roots.end());
  std::stable_sort(roots.begin(), roots.end(), [](const Retained& a, const Retained& b) { return a.bytes > b.bytes; });
  return roots;
}

}  // namespace leakdir::tool
