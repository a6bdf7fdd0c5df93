// SPDX-License-Identifier: BSL-1.0
//
// `recording` switched while the program runs: by the config file when an editor has changed it, by the tool, by the
// API. Callable from the helper thread: no errno, no thread-local data.

#pragma once

namespace leakdir {

// Remembers the file's path and what it looks like now. "": none.
void set_watched_config(const char* path);

// Reads the file again if it has changed, and obeys its `recording`.
void watch_config();

// Pauses or resumes. Does nothing in a phase that knows neither.
void set_recording(bool on);

}  // namespace leakdir
