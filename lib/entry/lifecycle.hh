// SPDX-License-Identifier: BSL-1.0
//
// Start, fork and exit: when the object begins to record, and when it stops.

#pragma once

#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

// Reads the options, makes the directory and the ledger, and records from then on. Once, while there is one thread.
void start(char** environment);

// For a call that comes before start. True: it has started now (entry_library.cc).
bool start_at_first_call(Caller caller);

// The last of all: what is live now, is live at exit. Does nothing when it is called again, or by a vfork child.
void end_of_process();

bool is_static_program();

// Whether forked children, and programs that this one starts under the library, shall be recorded too.
bool records_children();

// In a forked child, at its first allocation: its own directory and ledger, with the blocks that it inherited
// (fork.cc). True when allocations are recorded from now on.
bool start_in_child();

// Steps that start and fork share: what the ledger says of a child, and the last step of both.
void describe_child(const ledger::Header& parent);
void ready_to_record(bool recording);

}  // namespace leakdir
