// SPDX-License-Identifier: BSL-1.0
//
// The end of the process: the last look, the line on stderr, the exit status. What is freed after it still has its file
// removed at once (write_at_once).

#pragma once

namespace leakdir {

// The last of all: what is live now, is live at exit. Does nothing when it is called again, or by a vfork child.
void end_of_process();

}  // namespace leakdir
