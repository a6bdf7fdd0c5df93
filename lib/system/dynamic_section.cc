// SPDX-License-Identifier: BSL-1.0
#include "dynamic_section.hh"

#include <elf.h>

#include "shared/text.hh"

namespace leakdir {
namespace {

std::uint32_t gnu_hash_of(const char* name) {
  std::uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

std::uint32_t old_hash_of(const char* name) {
  std::uint32_t hash = 0;
  for (; *name != '\0'; ++name) {
    hash = (hash << 4) + static_cast<unsigned char>(*name);
    hash = (hash ^ (hash >> 24 & 0xf0)) & 0xfffffff;
  }
  return hash;
}

// Calls `is_enough(number)` for each symbol that may have this name, until it says so.
template <typename IsEnough>
void for_each_of_its_hash(const DynamicSection& section, const char* name, IsEnough is_enough) {
  if (section.gnu_hash != nullptr) {
    // Four counts, a Bloom filter of words, buckets with the first symbol of each, and the hashes of the symbols, of
    // which bit 0 marks the last in its bucket.
    const std::uint32_t* table = section.gnu_hash;
    const std::uint32_t bucket_count = table[0], first_symbol = table[1], filter_words = table[2], shift = table[3];
    if (bucket_count == 0 || filter_words == 0) return;
    const auto* filter = reinterpret_cast<const ElfW(Addr)*>(table + 4);
    const auto* buckets = reinterpret_cast<const std::uint32_t*>(filter + filter_words);
    const std::uint32_t* hashes = buckets + bucket_count;
    const std::uint32_t hash = gnu_hash_of(name);
    constexpr unsigned kWordBits = 8 * sizeof(ElfW(Addr));
    const ElfW(Addr) word = filter[hash / kWordBits % filter_words];
    if ((word >> hash % kWordBits & word >> (hash >> shift) % kWordBits & 1) == 0) return;
    std::uint32_t i = buckets[hash % bucket_count];
    if (i < first_symbol) return;
    for (;; ++i) {
      const std::uint32_t its = hashes[i - first_symbol];
      if ((its | 1) == (hash | 1) && is_enough(i)) return;
      if ((its & 1) != 0) return;
    }
  }
  if (section.old_hash != nullptr) {
    // Two counts, buckets with the first symbol of each, and for each symbol the next one in its bucket.
    const std::uint32_t bucket_count = section.old_hash[0], symbol_count = section.old_hash[1];
    if (bucket_count == 0) return;
    const std::uint32_t* buckets = section.old_hash + 2;
    const std::uint32_t* next = buckets + bucket_count;
    std::uint32_t i = buckets[old_hash_of(name) % bucket_count];
    for (std::uint32_t seen = 0; i != 0 && i < symbol_count && seen < symbol_count; ++seen, i = next[i]) {
      if (is_enough(i)) return;
    }
  }
}

bool is_definition(const ElfW(Sym) & symbol) {
  const unsigned binding = symbol.st_info >> 4, type = symbol.st_info & 15;
  return symbol.st_shndx != SHN_UNDEF && (symbol.st_value != 0 || symbol.st_shndx == SHN_ABS) && binding != STB_LOCAL &&
         type != STT_TLS && type != STT_SECTION && type != STT_FILE;
}

}  // namespace

bool read_dynamic_section(const dl_phdr_info& info, DynamicSection* into) {
  *into = {};
  into->bias = info.dlpi_addr;
  const ElfW(Dyn)* entry = nullptr;
  for (unsigned i = 0; i < info.dlpi_phnum; ++i) {
    if (info.dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
    entry = reinterpret_cast<const ElfW(Dyn)*>(info.dlpi_addr + info.dlpi_phdr[i].p_vaddr);
  }
  if (entry == nullptr) return false;
  // The loader has made them absolute on most processors, and not in the vDSO.
  const auto pointer = [&](ElfW(Addr) value) {
    return reinterpret_cast<const char*>(value < info.dlpi_addr ? info.dlpi_addr + value : value);
  };
  DynamicSection::Relocations &rela = into->relocations[0], &rel = into->relocations[1], &plt = into->relocations[2];
  rela.bytes_of_one = sizeof(ElfW(Rela));
  rel.bytes_of_one = sizeof(ElfW(Rel));
  plt.bytes_of_one = sizeof(ElfW(Rela));
  for (; entry->d_tag != DT_NULL; ++entry) {
    switch (entry->d_tag) {
      case DT_SYMTAB:
        into->symbols = reinterpret_cast<const ElfW(Sym)*>(pointer(entry->d_un.d_ptr));
        break;
      case DT_STRTAB:
        into->names = pointer(entry->d_un.d_ptr);
        break;
      case DT_GNU_HASH:
        into->gnu_hash = reinterpret_cast<const std::uint32_t*>(pointer(entry->d_un.d_ptr));
        break;
#if !defined(__alpha__) && !defined(__s390x__)  // there its words have 64 bits
      case DT_HASH:
        into->old_hash = reinterpret_cast<const std::uint32_t*>(pointer(entry->d_un.d_ptr));
        break;
#endif
      case DT_VERSYM:
        into->versions = reinterpret_cast<const std::uint16_t*>(pointer(entry->d_un.d_ptr));
        break;
      case DT_INIT_ARRAY:  // not made absolute
        into->initialisers = reinterpret_cast<const std::uintptr_t*>(info.dlpi_addr + entry->d_un.d_ptr);
        break;
      case DT_INIT_ARRAYSZ:
        into->initialiser_count = entry->d_un.d_val / sizeof(std::uintptr_t);
        break;
      case DT_RELA:
        rela.first = pointer(entry->d_un.d_ptr);
        break;
      case DT_RELASZ:
        rela.bytes = entry->d_un.d_val;
        break;
      case DT_REL:
        rel.first = pointer(entry->d_un.d_ptr);
        break;
      case DT_RELSZ:
        rel.bytes = entry->d_un.d_val;
        break;
      case DT_JMPREL:
        plt.first = pointer(entry->d_un.d_ptr);
        break;
      case DT_PLTRELSZ:
        plt.bytes = entry->d_un.d_val;
        break;
      case DT_PLTREL:
        if (entry->d_un.d_val == DT_REL) plt.bytes_of_one = sizeof(ElfW(Rel));
        break;
      default:
        break;
    }
  }
  return into->symbols != nullptr && into->names != nullptr;
}

const ElfW(Sym) * exported_symbol(const DynamicSection& section, const char* name, SymbolVersion version) {
  constexpr unsigned kHidden = 0x8000,
                     kFirstWithName = 2;  // 0 and 1: in a module with versions, without one of its own
  const ElfW(Sym)* hidden = nullptr;
  const ElfW(Sym)* found = nullptr;
  for_each_of_its_hash(section, name, [&](std::uint32_t i) {
    const ElfW(Sym)& symbol = section.symbols[i];
    if (!is_definition(symbol) || !is_same_text(section.names + symbol.st_name, name)) return false;
    const unsigned its = section.versions != nullptr ? section.versions[i] : 0;
    const bool is_hidden = (its & kHidden) != 0 && (its & ~kHidden) >= kFirstWithName;
    if (is_hidden && hidden == nullptr) hidden = &symbol;
    if (!is_hidden) found = &symbol;
    return !is_hidden;
  });
  return found == nullptr && version == SymbolVersion::kAny ? hidden : found;
}

std::uint32_t symbol_count(const DynamicSection& section) {
  if (section.old_hash != nullptr) return section.old_hash[1];
  if (section.gnu_hash == nullptr) return 0;
  // The last bucket's last one is the last of all.
  const std::uint32_t bucket_count = section.gnu_hash[0], first_symbol = section.gnu_hash[1];
  const auto* filter = reinterpret_cast<const ElfW(Addr)*>(section.gnu_hash + 4);
  const auto* buckets = reinterpret_cast<const std::uint32_t*>(filter + section.gnu_hash[2]);
  const std::uint32_t* hashes = buckets + bucket_count;
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < bucket_count; ++i) last = buckets[i] > last ? buckets[i] : last;
  if (last < first_symbol) return first_symbol;
  while ((hashes[last - first_symbol] & 1) == 0) ++last;
  return last + 1;
}

const void* exported(const DynamicSection& section, const char* name) {
  const ElfW(Sym)* const symbol = exported_symbol(section, name, SymbolVersion::kAny);
  return symbol != nullptr ? reinterpret_cast<const void*>(section.bias + symbol->st_value) : nullptr;
}

}  // namespace leakdir
