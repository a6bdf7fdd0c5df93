// SPDX-License-Identifier: BSL-1.0
//
// Whether "nothing is live" can be believed. `check` asks before it answers.

#pragma once

#include <string>

#include "load/snapshot.hh"

namespace leakdir::tool {

// Why the snapshot cannot be trusted, in one sentence; empty if it can.
std::string distrust(const Snapshot& snapshot);

}  // namespace leakdir::tool
