// SPDX-License-Identifier: BSL-1.0
//
// A program that becomes a daemon forks, and the first process leaves by _exit(): nobody looked for lost blocks there,
// and what it held lives on in its child. Where both are seen, and the child was looked at, that tells it.

#pragma once

#include <vector>

#include "load/snapshot.hh"

namespace leakdir::tool {

// Gives the blocks of a process that ended without a look the kinds that they have in a child which inherited them, if
// all of them are from before the fork: a process that went on after it may have lost what its child still holds.
void take_kinds_from_heirs(std::vector<Snapshot>& snapshots);

}  // namespace leakdir::tool
