// SPDX-License-Identifier: BSL-1.0
//
// The global and static variables of one ELF file: from its symbol table where they are, and from its DWARF what they
// are called there, in which file and line. Listed once, when the first is asked for.

#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <map>
#include <vector>

#include "symbols.hh"

namespace leakdir::tool {

class DwarfVariables {
 public:
  // `module` is the one module of its session, and outlives this.
  explicit DwarfVariables(Dwfl_Module* module) : module_(module) {}

  Variable at(std::uint64_t address);
  Variable thread_local_at(std::uint64_t offset);
  // x86 has the program's thread-local data before the thread pointer: there, the end of it is known.
  Variable thread_local_before_end(std::uint64_t before_end);

 private:
  void list();
  void list_symbols();
  void list_dwarf(Dwarf_Die* parent, int nesting, Dwarf_Addr bias);

  Dwfl_Module* module_;
  bool is_listed_ = false;
  std::uint64_t thread_local_bytes_ = 0;  // with what the alignment adds
  std::map<std::uint64_t, Variable> variables_, thread_locals_;
};

}  // namespace leakdir::tool
