// SPDX-License-Identifier: BSL-1.0
//
// Finds out which live blocks are lost: what `--lost` asks for. Of a running process it looks into
// its memory; of one that has ended it is what was stored, or what its core says.

#pragma once

#include <string>
#include <vector>

#include "holders.hh"
#include "load/snapshot.hh"

namespace leakdir::tool {

// Each block of the snapshot has its kind afterwards, but for those of which nobody can tell. Where nothing is live
// there is nothing to be found out. Throws Error, with a sentence that says why, where it cannot be known.
// `core`: a core of the process; empty: none.
void find_lost(Snapshot& snapshot, const std::string& core = "");

// The same of several, that may be parent and child. A process that does not tell keeps nothing from the others: what
// is returned says of each of them why it is not known what it has lost; empty: it is.
std::vector<std::string> find_lost_in_all(std::vector<Snapshot>& snapshots, const std::string& core = "");

// The same as the first, and who holds whom: only memory can tell that, of a running process or of a core.
void find_holders(Snapshot& snapshot, const std::string& core, Holders& holders);

}  // namespace leakdir::tool
