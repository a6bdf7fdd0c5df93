// SPDX-License-Identifier: BSL-1.0
//
// The end of the process: the last look, the line on stderr, the exit status. What is freed after it still has its file
// removed at once (write_at_once).

#pragma once

namespace leakdir {

// The last of all: what is live now, is live at exit. Does nothing when it is called again, or by a vfork child.
void end_of_process();

// Whether the program has one thread; asks `tries` times, a millisecond apart, as a thread that was joined is counted
// until the kernel has quite done with it.
bool is_only_thread(unsigned tries);

// At start, before recording: what is said at the end is to reach standard error though an exit handler closes it.
void hear_of_exit();

// At start, so that it is the last that quick_exit runs: the process has ended by itself, and was not killed. All else
// is as after _exit: the ledger has what is live, the files are as they were.
void hear_of_quick_exit();

}  // namespace leakdir
