// SPDX-License-Identifier: BSL-1.0
//
// Which symbol of an ELF file an address belongs to: the answers of libdwfl's dwfl_module_addrinfo, which goes through
// all symbols for each address. Here they are read once and sorted.

#pragma once

#include <elfutils/libdwfl.h>
#include <gelf.h>

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

namespace leakdir::tool {

class SymbolsByAddress {
 public:
  // `module` outlives this.
  explicit SymbolsByAddress(Dwfl_Module* module);

  // The symbol's name as the file has it, which lives as long as the module; nullptr: the address belongs to none.
  const char* name_at(GElf_Addr address);

 private:
  struct Symbol {
    GElf_Addr low;
    GElf_Addr last;  // the last byte of one with a size
    int place;       // in the module's table
    int binding;     // the higher the better
    const char* name;
  };

  // Symbols with a size, to be asked which of them hold an address: those may lie one in another.
  class Sized {
   public:
    void add(const Symbol& symbol) { symbols_.push_back(symbol); }
    void sort();
    const Symbol* best_at(GElf_Addr address) const;

   private:
    GElf_Addr note_furthest(std::size_t first, std::size_t end);
    void collect(GElf_Addr address, std::size_t first, std::size_t end, std::vector<const Symbol*>& found) const;

    std::vector<Symbol> symbols_;      // by address; a tree, whose root is the middle one, and so on in both halves
    std::vector<GElf_Addr> furthest_;  // the furthest `last` of the part of the tree whose root this is
  };

  bool has_label_at(GElf_Addr address) const;
  const char* ask(GElf_Addr address) const;
  std::size_t section_of(GElf_Addr address) const;

  Dwfl_Module* module_;
  Sized globals_, locals_;
  std::vector<GElf_Addr> labels_;                       // symbols without a size, sorted
  std::vector<std::pair<GElf_Addr, GElf_Addr>> edges_;  // where symbols begin, and how far those up to there reach
  std::map<std::pair<GElf_Addr, std::size_t>, const char*> answers_;  // libdwfl's, by label and section
};

}  // namespace leakdir::tool
