// SPDX-License-Identifier: BSL-1.0
//
// Start, fork and exit: when the object begins to record, and when it stops.

#pragma once

#include "ledger.hh"

namespace leakdir {

// In a forked child, at its first allocation: its own directory and ledger, with the blocks that it inherited
// (fork.cc). True when allocations are recorded from now on.
bool start_in_child();

// Steps that start and fork share: what the ledger says of a child, and the last step of both.
void describe_child(const ledger::Header& parent);
void ready_to_record(bool recording);

}  // namespace leakdir
