// SPDX-License-Identifier: BSL-1.0
//
// A thread that libc does not know: made by clone(), as files/helper.cc says why. It has a table of descriptors of its
// own (a copy, at first), a root, a working directory and a umask of its own, and no signals. It has no thread-local
// data: what it runs uses sys.hh and plain loops, and ends by SYS_exit. Only where sys::kBareCalls.

#pragma once

#include <cstdint>

namespace leakdir {

// Null: there is no memory for it.
char* make_hidden_stack();

// `run` begins on `stack`. `alive` is the thread's number, until the kernel clears it when the thread is gone. False:
// there is no thread to be had, or no stack.
bool start_hidden_thread(int (*run)(void*), char* stack, std::uint32_t* alive);

}  // namespace leakdir
