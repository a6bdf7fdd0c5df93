// SPDX-License-Identifier: BSL-1.0
//
// Several processes as one snapshot: a process tree, or the same program run in several directories. Frames at the same
// place of the same file are one, wherever each process had loaded it.

#pragma once

#include <string>
#include <vector>

#include "snapshot.hh"

namespace leakdir::tool {

// What a process has inherited is left out if its parent is among them, who shows it. Snapshot::processes says what
// each of them has; the rest speaks of all together, and the state is that of the first.
Snapshot merged(std::vector<Snapshot> snapshots);

}  // namespace leakdir::tool
