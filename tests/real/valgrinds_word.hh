// SPDX-License-Identifier: BSL-1.0
//
// What Valgrind says of a program without leakdir, in the tool's words, and the same program with leakdir in the same
// surroundings. What would make the two differ, and has nothing to do with either, is made equal: the environment,
// which shells and interpreters copy (Valgrind adds variables of its own to it, and a longer LD_PRELOAD), and the
// chance in perl's hashes.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "run_program.hh"
#include "scratch_directory.hh"

namespace leakdir_test {

using Words = std::vector<std::string>;

struct Program {
  std::string name;
  Words command;
};
void PrintTo(const Program& program, std::ostream* out);

struct Count {
  std::uint64_t blocks = 0, bytes = 0;
  bool operator==(const Count& other) const { return blocks == other.blocks && bytes == other.bytes; }
};
void PrintTo(const Count& count, std::ostream* out);
using Counts = std::map<std::string, Count>;  // of all four kinds, by the words of the tool

// Where the program is looked at: when it has ended, or where it waits for input, which never comes. What libc itself
// holds is counted there too.
enum class At { kExit, kInput };

Counts by_valgrind(const Words& program, At at);

// The program with leakdir, in a directory of its own. `is_preloaded`: by libleakdir.so; else leakdir is in the
// program.
Command command_beside_valgrind(const Scratch& scratch, const Words& program, At at, bool is_preloaded);

// "In use at exit", with all that libc and the C++ library keep for themselves; and the program under libleakdir.so
// that counts that too.
Count in_use_by_valgrind(const Words& program);
Command command_with_libcs_own(const Scratch& scratch, const Words& program);

// By `leakdir report` with these arguments. All are zero where no block lives.
Counts by_tool(const std::string& dir, const Words& arguments);

// Throws when the program ends before it waits.
void until_it_waits_for_input(const Process& process);

}  // namespace leakdir_test
