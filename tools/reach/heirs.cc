// SPDX-License-Identifier: BSL-1.0
//
// No ledger has the moment of the fork. A block that the child has was there then, and so was every older one: if the
// child has that no more it has freed it, and could reach it. A newer one may have come after the fork.

#include "heirs.hh"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <unordered_map>

#include "base/words.hh"
#include "kinds.hh"

namespace leakdir::tool {

namespace {

using ledger::Reach;

bool is_inherited(const Block& block) { return (block.flags & ledger::kFlagInherited) != 0; }

// Sequence numbers go on from one generation to the next, so no two blocks have the same one and the same address.
using Kinds = std::unordered_map<std::uint64_t, const Block*>;

const Block* same_block(const Kinds& inherited, const Block& block) {
  const auto found = inherited.find(block.address);
  return found != inherited.end() && found->second->sequence == block.sequence ? found->second : nullptr;
}

// Those of `heir`; empty: they do not tell all.
std::vector<Reach> kinds_in(const Snapshot& heir, const Snapshot& ended) {
  Kinds inherited;
  for (const Block& block : heir.blocks)
    if (is_inherited(block)) inherited.emplace(block.address, &block);
  std::int64_t latest_ns = INT64_MIN;  // that was there at the fork
  for (const Block& block : ended.blocks)
    if (same_block(inherited, block) != nullptr) latest_ns = std::max(latest_ns, block.time_ns);
  std::vector<Reach> kinds;
  for (const Block& block : ended.blocks) {
    const Block* const there = same_block(inherited, block);
    if (there == nullptr && block.time_ns > latest_ns && is_shown(ended, block)) return {};
    kinds.push_back(there != nullptr ? there->reach : Reach::kReachable);
    if (kinds.back() == Reach::kUnknown && is_shown(ended, block)) return {};
  }
  return kinds;
}

bool descends_from(const Snapshot& heir, const Snapshot& ended, const std::vector<Snapshot>& snapshots) {
  std::uint32_t parent = heir.parent_pid;
  for (std::size_t steps = 0; parent != 0 && steps < snapshots.size(); ++steps) {
    if (parent == ended.pid) return true;
    const auto found =
        std::find_if(snapshots.begin(), snapshots.end(), [&](const auto& one) { return one.pid == parent; });
    parent = found == snapshots.end() ? 0 : found->parent_pid;
  }
  return false;
}

// Who holds it in one child and has lost it in another has lost it.
Reach worse_of(Reach one, Reach other) {
  return *std::find_if(std::begin(kKindOrder), std::end(kKindOrder),
                       [&](Reach reach) { return reach == one || reach == other; });
}

void take_kinds(Snapshot& ended, const std::vector<Snapshot>& snapshots) {
  std::vector<Reach> kinds;
  std::vector<std::string> heirs;
  for (const Snapshot& heir : snapshots) {
    if (heir.reach_look != ledger::ReachLook::kDone || heir.is_damaged()) continue;
    if (!descends_from(heir, ended, snapshots)) continue;
    const std::vector<Reach> there = kinds_in(heir, ended);
    if (there.empty()) continue;
    heirs.push_back(std::to_string(heir.pid));
    if (kinds.empty()) kinds = there;
    for (std::size_t i = 0; i < kinds.size(); ++i) kinds[i] = worse_of(kinds[i], there[i]);
  }
  if (heirs.empty()) return;
  for (std::size_t i = 0; i < kinds.size(); ++i) ended.blocks[i].reach = kinds[i];
  ended.reach_look = ledger::ReachLook::kDone;
  const auto shown = std::count_if(ended.blocks.begin(), ended.blocks.end(),
                                   [&](const Block& block) { return is_shown(ended, block); });
  ended.notices.push_back(
      fmt::format("process {} ended without exit(); its {} live on in its child, process {}, where it is known whether "
                  "they are lost",
                  ended.pid, count_of(static_cast<std::uint64_t>(shown), "block"), fmt::join(heirs, ", ")));
}

}  // namespace

void take_kinds_from_heirs(std::vector<Snapshot>& snapshots) {
  for (Snapshot& ended : snapshots) {
    if (ended.state != State::kKilled || ended.from_records || ended.is_damaged()) continue;
    if (!knows_kinds(ended) && has_listable(ended)) take_kinds(ended, snapshots);
  }
}

}  // namespace leakdir::tool
