// SPDX-License-Identifier: BSL-1.0
#include "find_lost.hh"

#include "base/error.hh"
#include "core_process.hh"
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
