// SPDX-License-Identifier: BSL-1.0
//
// The helper thread of write=behind. See writer.hh for what it is and helper.cc for how it is made.

#pragma once

#include <cstdint>

namespace leakdir {

// Sets how often it looks. `config_path`: the config file to watch, "" for none.
void configure_helper(std::uint32_t delay_ms, const char* config_path, bool config_is_named);

// Called when there is something to write, or to watch. Starts the helper or wakes it. Costs nothing while it is awake.
// False when there is no helper to be had.
bool helper_is_needed();

// Whether the tool has asked for something (pause, resume, flush) that is not done yet.
bool tool_is_waiting();

// Whether it is there, and still has the directory.
bool helper_is_running();

// Ends the helper and waits until it is gone. With `last_look` it first makes the files be what the ledger says, with
// the root and working directory that it has: for a program that has changed its own. Returns whether it did.
bool stop_helper(bool last_look);

}  // namespace leakdir
