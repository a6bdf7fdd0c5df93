// SPDX-License-Identifier: BSL-1.0
#include "find_lost.hh"

#include "base/error.hh"
#include "core_process.hh"
#include "heirs.hh"
#include "kinds.hh"
#include "live_process.hh"

namespace leakdir::tool {

void find_lost(Snapshot& snapshot, const std::string& core) {
  if (!core.empty()) {
    look_at_core(snapshot, core);
    return;
  }
  if (snapshot.state == State::kRunning && !snapshot.from_records && snapshot.saved_ns == 0) look_at_process(snapshot);
  if (!knows_kinds(snapshot) && has_listable(snapshot)) throw Error(kinds_not_known(snapshot));
}

std::vector<std::string> find_lost_in_all(std::vector<Snapshot>& snapshots, const std::string& core) {
  std::string not_its_core;
  bool has_core = false;
  const auto doubt_of = [&](Snapshot& snapshot, const std::string& from) -> std::string {
    try {
      find_lost(snapshot, from);
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  };
  std::vector<std::string> doubts;
  for (Snapshot& snapshot : snapshots) {
    doubts.push_back(doubt_of(snapshot, core));
    if (core.empty()) continue;
    has_core |= doubts.back().empty();
    if (doubts.back().empty() || snapshots.size() == 1) continue;
    if (not_its_core.empty()) not_its_core = doubts.back();
    doubts.back() = doubt_of(snapshot, "");  // a core is of one process
  }
  if (!core.empty() && !has_core && snapshots.size() > 1) doubts.front() = not_its_core;
  take_kinds_from_heirs(snapshots);
  for (std::size_t i = 0; i < snapshots.size(); ++i)
    if (snapshots[i].state == State::kKilled && knows_kinds(snapshots[i])) doubts[i].clear();
  return doubts;
}

void find_holders(Snapshot& snapshot, const std::string& core, Holders& holders) {
  if (!core.empty()) {
    look_at_core(snapshot, core, &holders);
  } else if (snapshot.state == State::kRunning && !snapshot.from_records && snapshot.saved_ns == 0) {
    look_at_process(snapshot, &holders);
  } else {
    throw Error("who holds a block only memory can tell: of a running process, or of a core (--core FILE)");
  }
}

}  // namespace leakdir::tool
