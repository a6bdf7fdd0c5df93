// SPDX-License-Identifier: BSL-1.0
//
// `recording` switched while the program runs: by the config file when an editor has changed it, by the tool, by the
// API. Callable from the helper thread: no errno, no thread-local data.

#pragma once

#include <cstddef>

namespace leakdir {

// Reads the file's text, zero-terminated; returns its length or a negative errno. A file that nobody named, but that
// lies where the program was started, must belong to root or to the program's own user: else -EPERM.
long read_config(const char* file, bool is_named, char* into, std::size_t count);

// Remembers the file's path and what it looks like now. "": none.
void set_watched_config(const char* path, bool is_named);

// Reads the file again if it has changed, and obeys its `recording`.
void watch_config();

// Pauses or resumes. Does nothing in a phase in which there is nothing to pause.
void set_recording(bool on);

}  // namespace leakdir
