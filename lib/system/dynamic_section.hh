// SPDX-License-Identifier: BSL-1.0
//
// What a loaded program or library tells the dynamic loader, read in memory: the names that it exports, and the words
// where the loader has put the addresses of what it needs. For use while dl_iterate_phdr holds the list of modules
// still. Nothing is allocated, and dlsym is not asked: it waits for a lock that is held while constructors run.

#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>

namespace leakdir {

struct DynamicSection {
  std::uintptr_t bias;
  const ElfW(Sym) * symbols;
  const char* names;
  const std::uint32_t* gnu_hash;  // one of the two hash tables is enough
  const std::uint32_t* old_hash;
  const std::uint16_t* versions;       // one for each symbol; null: the module has none
  const std::uintptr_t* initialisers;  // those of DT_INIT_ARRAY
  std::size_t initialiser_count;
  // Offset and symbol stand at the beginning of a relocation, with an addend after them or without.
  struct Relocations {
    const char* first;
    std::size_t bytes, bytes_of_one;
  };
  Relocations relocations[3];
};

// False: a static program, or none that could be read.
bool read_dynamic_section(const dl_phdr_info& info, DynamicSection* into);

// Which of several versions of a name: the one that a program is linked with today, or, where there is none, one that
// is kept for old programs.
enum class SymbolVersion { kDefault, kAny };

// What a module defines by this name for others; null if it does not.
const ElfW(Sym) * exported_symbol(const DynamicSection& section, const char* name, SymbolVersion version);

// How many symbols there are to be looked through, as its hash table tells.
std::uint32_t symbol_count(const DynamicSection& section);

// Its address, of whichever version.
const void* exported(const DynamicSection& section, const char* name);

// Calls `visit(address)` for each symbol that the module defines for others.
template <typename Visit>
void for_each_export(const DynamicSection& section, Visit visit) {
  const std::uint32_t count = symbol_count(section);
  for (std::uint32_t i = 1; i < count; ++i) {
    const ElfW(Sym)& symbol = section.symbols[i];
    if (symbol.st_shndx != 0) visit(section.bias + symbol.st_value);
  }
}

// Calls `visit(name, address)` for each function or variable of others that the module uses.
template <typename Visit>
void for_each_import(const DynamicSection& section, Visit visit) {
  struct Relocation {
    ElfW(Addr) offset;
    ElfW(Addr) info;
  };
  constexpr unsigned kSymbolShift = sizeof(void*) == 8 ? 32 : 8;
  for (const DynamicSection::Relocations& some : section.relocations) {
    if (some.bytes_of_one < sizeof(Relocation)) continue;
    for (std::size_t at = 0; at + some.bytes_of_one <= some.bytes; at += some.bytes_of_one) {
      const auto& relocation = *reinterpret_cast<const Relocation*>(some.first + at);
      const ElfW(Sym)& symbol = section.symbols[relocation.info >> kSymbolShift];
      if (symbol.st_name == 0 || symbol.st_shndx != 0) continue;  // no name, or its own
      visit(section.names + symbol.st_name, *reinterpret_cast<const std::uintptr_t*>(section.bias + relocation.offset));
    }
  }
}

}  // namespace leakdir
