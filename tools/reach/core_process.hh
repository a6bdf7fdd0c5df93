// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, in a process that is dead, by its core and its ledger.

#pragma once

#include <string>

#include "holders.hh"
#include "load/snapshot.hh"

namespace leakdir::tool {

// `holders`: to be filled, too.
// Gives each block of the snapshot its kind, as far as the core can tell. Throws Error with one line where the two do
// not belong together.
void look_at_core(Snapshot& snapshot, const std::string& core, Holders* holders = nullptr);

}  // namespace leakdir::tool
