// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, in a process that is running: it is stopped, read, and let go.

#pragma once

#include "holders.hh"
#include "load/snapshot.hh"

namespace leakdir::tool {

// `holders`: to be filled, too.
// Makes the snapshot anew, as of the moment at which the process stood still, and gives each block its kind. Throws
// Error with one line where it may not be looked at.
void look_at_process(Snapshot& snapshot, Holders* holders = nullptr);

}  // namespace leakdir::tool
