// SPDX-License-Identifier: BSL-1.0
//
// Standard error, kept for the time that exit takes: many a program closes it in an exit handler (gnulib's
// close_stdout), before the last line of ours. Who keeps it is a thread with a table of descriptors of its own, in
// which nothing else is open. So the program sees no descriptor, a child that it forks inherits none, and what closes
// all of them does not reach it. Where there may be no such thread, nothing is kept.

#pragma once

#include <sys/uio.h>

namespace leakdir {

// When exit begins, in the program's only thread: descriptor 2 as it is now.
void keep_stderr();

// Not for a forked child: that one has no part in it.
bool stderr_is_kept();

// By one thread at a time.
void write_to_kept_stderr(const iovec* pieces, int count);

void let_go_of_stderr();

}  // namespace leakdir
