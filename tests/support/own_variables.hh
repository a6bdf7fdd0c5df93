// SPDX-License-Identifier: BSL-1.0
//
// What of a running process's memory is leakdir's: as the process says it to whoever looks for pointers in it, and as
// the symbols of its files say it of variables.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace leakdir_test {

struct Stretch {
  std::uint64_t start, end;
};

std::vector<Stretch> own_memory_of(pid_t pid, const std::string& dir);

// Each variable of leakdir's that can be written to, in the program or in libleakdir.so; of threads' own ones none.
std::vector<Stretch> variables_of_ours(pid_t pid);

}  // namespace leakdir_test
