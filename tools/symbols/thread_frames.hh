// SPDX-License-Identifier: BSL-1.0
//
// The frames of a thread that stands still, by the unwind tables of its modules' files: to say in which function a
// place on its stack lies.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "symbols.hh"

namespace leakdir::tool {

struct ThreadFrame {
  std::uint64_t code = 0;   // where it goes on
  std::uint64_t stack = 0;  // its stack pointer then: the frame reaches to that of the next one
  bool is_called = true;    // `code` is a return address
};

struct ThreadState {
  unsigned machine = 0;                            // the program's e_machine
  std::map<std::string, std::uint64_t> registers;  // by the names that registers.hh has for them
  std::function<bool(std::uint64_t address, std::uint64_t* word)> read_word;
};

// Innermost first, as far as they are known: the last one has no end. None where this machine is not known here, or
// libdwfl (before 0.188) does not tell.
std::vector<ThreadFrame> frames_of(const std::vector<Module>& modules, Symbols& symbols, const ThreadState& thread);

}  // namespace leakdir::tool
