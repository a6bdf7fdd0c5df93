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

// What the dynamic loader has in its list: the program first, then all others. Empty for a static program.
struct LoadedModule {
  std::uint64_t description;  // where the loader keeps what it knows of it (struct link_map)
  std::uint64_t bias, dynamic;
  std::string path;  // of the program, empty
};
std::vector<LoadedModule> loaded_modules(const std::vector<Module>& modules, Memory& memory, unsigned pointer_bytes);

// What a module's header, which lies at `start`, says of its thread-local data; 0 bytes: it has none.
struct ThreadLocalSegment {
  std::uint64_t start = 0;  // of what they are set to at first, in the process
  std::uint64_t initial_bytes = 0, bytes = 0, align = 0;
};
ThreadLocalSegment thread_local_segment(Memory& memory, std::uint64_t start, unsigned pointer_bytes);

HookCode hook_code_of(const std::vector<reach::Mapping>& mappings, Memory& memory, unsigned pointer_bytes);

// Whether a hook is under way in the thread: a return address of leakdir's code lies near the end of its stack.
bool is_inside_hook(const Registers& registers, const HookCode& hooks, Memory& memory, unsigned pointer_bytes);

// The module, not libc and not leakdir, whose malloc the program and leakdir get; empty: none is known.
std::string other_allocator(const std::vector<Module>& modules, Memory& memory, unsigned pointer_bytes);

}  // namespace leakdir::tool
