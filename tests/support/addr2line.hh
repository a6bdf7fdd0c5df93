// SPDX-License-Identifier: BSL-1.0
//
// What plain `addr2line -fe PROGRAM ADDRESS` says, for assertions on where a caller lies.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "record_reader.hh"

namespace leakdir_test {

struct Place {
  std::string function;
  std::string file;  // without directories
  int line = 0;
};

std::vector<Place> addr2line(const std::string& program, const std::vector<std::uint64_t>& addresses);
Place addr2line(const std::string& program, std::uint64_t address);

// The places of a whole stack, from the commands in its record, run as they stand there.
std::vector<Place> places_by_own_commands(const Stack& stack);
// The innermost of them.
Place first_place_by_own_command(const Stack& stack);

}  // namespace leakdir_test
