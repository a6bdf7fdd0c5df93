// SPDX-License-Identifier: BSL-1.0
//
// Whether "nothing is live" can be believed. `check` asks before it answers; a report says the same in the same words.

#pragma once

#include <string>

#include "load/snapshot.hh"

namespace leakdir::tool {

// Why leakdir saw no call that it could record, in one sentence; empty if it saw some.
std::string why_no_call(const Snapshot& snapshot);

// Where the program's file is no longer what ran, and came there after it had ended: whoever asks has built it anew,
// and asks about that. One sentence; empty: it is what ran, or this cannot be told.
std::string replaced_since(const Snapshot& snapshot);

// Why "there is none" does not follow from there being none in the snapshot; empty if it does.
std::string why_no_proof(const Snapshot& snapshot);

// Why a process and its children, as one, are not all there: some children could not record. Empty: they are.
std::string why_not_all(const Snapshot& snapshot);

// Why the snapshot cannot be trusted, in one sentence; empty if it can.
std::string distrust(const Snapshot& snapshot);

}  // namespace leakdir::tool
