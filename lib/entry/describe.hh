// SPDX-License-Identifier: BSL-1.0
//
// What the ledger's header says of the process: the program, its directory, the options, the clock; of a forked child,
// what its parent's said. But for the owner, who is announced before (ledger/owner.hh).

#pragma once

#include "shared/ledger.hh"

namespace leakdir {

// Absolute; "" where it cannot be found.
const char* program_path();

// At start. The header has no magic yet: a reader that comes meanwhile finds no ledger.
void describe_program();

// The same in a forked child.
void describe_child(const ledger::Header& parent);

// The last step of both: from now on it is a ledger.
void sign_ledger(bool recording);

}  // namespace leakdir
