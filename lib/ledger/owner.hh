// SPDX-License-Identifier: BSL-1.0
//
// Whose ledger it is: a process is named by its pid, its start time and the boot it lives in, for pids are reused; and
// after exec it is another program that must not be taken for the one before.

#pragma once

#include "shared/ledger.hh"

namespace leakdir {

// Fills in byte_order, state, pid, start_time (started_by of a forked child), boot_id and image_id of the calling
// process, and all of the magic but its first byte. From now on, other processes that start in the directory see who
// owns it; readers see no ledger yet.
void announce_owner(ledger::Header& header, bool is_child);

// True when the process that wrote `header` still runs that program. False for a process that exited, that is a zombie,
// or that has replaced itself by exec.
bool owner_is_alive(const ledger::Header& header);

// True when this process itself wrote it, as the program that it was before exec.
bool owner_was_this_process(const ledger::Header& header);

// The same as owner_is_alive for a process that is known only by a text "PID START_TIME\n", as trace/leakdir_trace.c
// leaves it. `pid` comes out as its pid.
bool writer_is_alive(const char* text, int* pid);

// Whether the first thread of this process has left alone, as by pthread_exit: the kernel counts it until the last one
// ends. `status` comes out as what it left with.
bool first_thread_has_ended(int* status = nullptr);

// Whether the process `pid` started this one, itself or by way of others.
bool is_ancestor(int pid);

}  // namespace leakdir
