// SPDX-License-Identifier: BSL-1.0
//
// Starts a program under libleakdir.so and waits for its end. A program that the library would not reach is refused
// before it runs, in one sentence.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace leakdir::tool {

struct Launched {
  pid_t pid = 0;
  std::int64_t start_ns = 0;  // CLOCK_REALTIME, before it was there
  int exit_status = 0;        // as a shell has it: 128 + N for signal N
};

// The file that the shell would run by this name. Throws Error when there is none.
std::string find_program(const std::string& name);

// Where libleakdir.so is, by where this tool is. Throws Error when it is not there.
std::string find_library();

// Whether the program (or the interpreter of a script) has the object in it already. (leakdir_trace.c in it gives way
// to the library.) Throws Error when the library cannot be loaded into it: it is static, for another processor, or runs
// with rights that its caller has not.
bool has_hooks_linked(const std::string& program, const std::string& library);

// `library` empty: the program has the hooks itself. `options`: LEAKDIR_OPTIONS. Meanwhile SIGTERM and SIGHUP go to the
// program, and SIGINT and SIGQUIT, which a terminal sends to both, do not end this one.
Launched launch(const std::string& program, const std::vector<std::string>& arguments, const std::string& library,
                const std::string& options);

}  // namespace leakdir::tool
