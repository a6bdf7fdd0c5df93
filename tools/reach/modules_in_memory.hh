// SPDX-License-Identifier: BSL-1.0
//
// What the memory of a process tells of its modules: where leakdir's own code lies (lib/shared/mark.h), and whose
// malloc is found first. Read from ELF headers and the dynamic loader's list in the process, so files that are gone do
// not matter.

#pragma once

#include <string>
#include <vector>

#include "load/snapshot.hh"
#include "memory.hh"
#include "reach_maps.hh"
#include "registers.hh"

namespace leakdir::tool {

struct HookCode {
  std::vector<reach::Stretch> code;
  bool is_library = false;  // libleakdir.so is there
  bool is_musl = false;     // the hooks lie upon musl

  bool covers(std::uint64_t address) const {
    for (const auto& stretch : code)
      if (address >= stretch.start && address < stretch.end) return true;
    return false;
  }
};

HookCode hook_code_of(const std::vector<reach::Mapping>& mappings, Memory& memory, unsigned pointer_bytes);

// Whether a hook is under way in the thread: a return address of leakdir's code lies near the end of its stack.
bool is_inside_hook(const Registers& registers, const HookCode& hooks, Memory& memory, unsigned pointer_bytes);

// The module, not libc and not leakdir, whose malloc the program and leakdir get; empty: none is known.
std::string other_allocator(const std::vector<Module>& modules, Memory& memory, unsigned pointer_bytes);

}  // namespace leakdir::tool
