// SPDX-License-Identifier: BSL-1.0
//
// How the object begins to record. When it does is for entry_object.cc and entry_library.cc, and in a forked child for
// fork.cc.

#pragma once

namespace leakdir {

// Reads the options, makes the directory and the ledger, and records from then on. Once, while there is one thread.
// What was allocated before (by libc's own start, and by the dynamic loader) has waited in the table of early blocks.
void start(char** environment);

// The last step of start, and of a forked child's: the ledger is there and is this process's own.
void ready_to_record(bool recording);

}  // namespace leakdir
