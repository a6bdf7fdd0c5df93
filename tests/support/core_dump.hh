// SPDX-License-Identifier: BSL-1.0
//
// A core, as the kernel writes it: a file in the process's own directory, where it is told nothing else.

#pragma once

#include <sys/types.h>

#include <string>

#include "run_program.hh"
#include "scratch_directory.hh"

namespace leakdir_test {

bool kernel_writes_cores();

// Whether a signal with this number would go to the program.
bool catches(pid_t pid, int signal);

// Has the process die of the signal and leave a core, and returns the core's file, whose name begins with `prefix` (an
// emulator writes one beside its own). Throws where none was made: the hard limit of a core's size may be 0.
std::string core_after(Process& process, int signal, const Scratch& scratch, const std::string& prefix = "core");

}  // namespace leakdir_test
