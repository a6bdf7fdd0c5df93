// SPDX-License-Identifier: BSL-1.0
//
// What /proc says of a process that is to be looked at, and why it may not be.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace leakdir::tool {

// The value of a line of /proc/PID/status ("TracerPid"); empty: none.
std::string status_of(pid_t pid, const std::string& key);

// Whether the thread has ended (and nobody was told yet), or is not there.
bool has_ended(pid_t pid, pid_t tid);

// A thread that has not ended: the process's first one, if it has not. Once it has (pthread_exit in main), what /proc
// and process_vm_readv have of the process by its number is nothing; by that of another thread they have all of it.
pid_t living_thread_of(pid_t pid);

// Whether all its threads are stopped, by a signal or by a debugger.
bool stands_still(pid_t pid);

// What Yama's kernel.yama.ptrace_scope ("0" to "3"; empty: there is no Yama) refuses, and what helps; empty: nothing.
std::string refusal_of_yama(const std::string& scope, bool is_root);

// One line: why ptrace said `error`, and what helps.
std::string why_not_traced(pid_t pid, int error);

}  // namespace leakdir::tool
