// SPDX-License-Identifier: BSL-1.0
#include "dynamic_section.hh"

#include <elf.h>

#include "loader.hh"
#include "shared/text.hh"

namespace leakdir {
namespace {

std::uint32_t gnu_hash_of(const char* name) {
  std::uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

struct Wanted {
  const char* name;
  const void* found;
};

int look_in_module(dl_phdr_info* info, std::size_t, void* context) {
  Wanted& wanted = *static_cast<Wanted*>(context);
  DynamicSection section;
  if (read_dynamic_section(*info, &section)) wanted.found = exported(section, wanted.name);
  return wanted.found != nullptr ? 1 : 0;
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

const void* exported(const DynamicSection& section, const char* name) {
  // Four counts, a Bloom filter of words, buckets with the first symbol of each, and the hashes of the symbols, of
  // which bit 0 marks the last in its bucket.
  const std::uint32_t* table = section.gnu_hash;
  if (table == nullptr) return nullptr;
  const std::uint32_t bucket_count = table[0], first_symbol = table[1], filter_words = table[2], shift = table[3];
  if (bucket_count == 0 || filter_words == 0) return nullptr;
  const auto* filter = reinterpret_cast<const ElfW(Addr)*>(table + 4);
  const auto* buckets = reinterpret_cast<const std::uint32_t*>(filter + filter_words);
  const std::uint32_t* hashes = buckets + bucket_count;
  const std::uint32_t hash = gnu_hash_of(name);
  constexpr unsigned kWordBits = 8 * sizeof(ElfW(Addr));
  const ElfW(Addr) word = filter[hash / kWordBits % filter_words];
  if ((word >> hash % kWordBits & word >> (hash >> shift) % kWordBits & 1) == 0) return nullptr;
  std::uint32_t i = buckets[hash % bucket_count];
  if (i < first_symbol) return nullptr;
  for (;; ++i) {
    const std::uint32_t its = hashes[i - first_symbol];
    const ElfW(Sym)& symbol = section.symbols[i];
    if ((its | 1) == (hash | 1) && symbol.st_shndx != 0 && is_same_text(section.names + symbol.st_name, name)) {
      return reinterpret_cast<const void*>(section.bias + symbol.st_value);
    }
    if ((its & 1) != 0) return nullptr;
  }
}

const void* exported_anywhere(const char* name) {
  Wanted wanted = {name, nullptr};
  for_each_module(look_in_module, &wanted);
  return wanted.found;
}

}  // namespace leakdir
