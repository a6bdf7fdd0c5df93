// SPDX-License-Identifier: BSL-1.0
//
// Functions, inlined functions and lines of one ELF file, from its DWARF and, without that, its symbol table.
// symbols_dwfl.cc finds the right file and owns the libdwfl session; this reads it.
//
// libdw's own dwarf_getscopes walks the whole compilation unit for each address. Here a unit's functions are listed
// once, sorted by address, which is what makes ten thousand stacks a matter of a second.

#pragma once

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "symbols.hh"
#include "symbols_by_address.hh"

namespace leakdir::tool {

class DwarfLines {
 public:
  // `module` is the one module of its session, and outlives this.
  explicit DwarfLines(Dwfl_Module* module) : module_(module) {}

  // `address` is a link-time address.
  std::vector<SourceLine> lookup(std::uint64_t address);

  // The file of a unit's functions that was looked for and is not here or cannot be read (-gsplit-dwarf); empty: none.
  const std::string& missing_split() const { return missing_split_; }

 private:
  struct Range {
    Dwarf_Addr low, high;
    Dwarf_Die die;
  };

  Dwarf_Die* find_unit(Dwarf_Addr address, Dwarf_Addr& bias);
  void list_units();
  std::vector<Range>& functions_of(Dwarf_Die* unit, bool with_nested);
  std::string symbol_at(Dwarf_Addr address);

  Dwfl_Module* module_;
  std::string missing_split_;
  std::optional<SymbolsByAddress> symbols_;  // read when first asked for
  bool has_listed_units_ = false;
  std::vector<Range> units_;
  std::map<std::pair<std::uintptr_t, bool>, std::vector<Range>> functions_;  // by where the unit lies, and which
};

}  // namespace leakdir::tool
