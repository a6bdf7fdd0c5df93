// SPDX-License-Identifier: BSL-1.0
#include "find_export.hh"

#include <elf.h>
#include <sys/auxv.h>

#include <atomic>

#include "dynamic_section.hh"
#include "loader.hh"

namespace leakdir {
namespace {

enum class Where { kAnywhere, kBehind, kBeside, kElsewhere };

struct Search {
  const char* name;
  Where where;
  const void* place;
  unsigned most_modules;
  unsigned seen;
  bool is_behind;
  const ElfW(Sym) * symbol;
  Export found;
};

int see_module(dl_phdr_info* info, std::size_t, void* context) {
  Search& search = *static_cast<Search*>(context);
  if (search.seen++ == search.most_modules) return 1;
  const ModuleRange range = range_of(*info);
  bool is_wanted = true;
  if (search.where == Where::kBehind) {
    is_wanted = search.is_behind;
    search.is_behind |= range.has(search.place);
  } else if (search.where != Where::kAnywhere) {
    is_wanted = range.has(search.place) == (search.where == Where::kBeside);
  }
  DynamicSection section;
  if (!is_wanted || !read_dynamic_section(*info, &section)) return 0;
  search.symbol = exported_symbol(section, search.name, SymbolVersion::kDefault);
  if (search.symbol == nullptr) return 0;
  search.found = {reinterpret_cast<const void*>(section.bias + search.symbol->st_value), range};
  return 1;
}

const void* resolved(const void* resolver) {
  using Resolve = const void* (*)(unsigned long, const void*);
#if defined(__aarch64__)
  // <sys/ifunc.h> of glibc; musl, which has no such functions, has not that header.
  const unsigned long features[3] = {sizeof features, ::getauxval(AT_HWCAP), ::getauxval(AT_HWCAP2)};
  constexpr unsigned long kFeaturesFollow = 1UL << 62;
  return reinterpret_cast<Resolve>(const_cast<void*>(resolver))(features[1] | kFeaturesFollow, features);
#else  // where it takes less, the rest is not looked at
  return reinterpret_cast<Resolve>(const_cast<void*>(resolver))(::getauxval(AT_HWCAP), nullptr);
#endif
}

Export search(const char* name, Where where, const void* place, unsigned most_modules) {
  Search search = {name, where, place, most_modules, 0, false, nullptr, {}};
  for_each_module(see_module, &search);
  // Not before: a resolver is code of others, and the loader's lock was held.
  if (search.symbol != nullptr && (search.symbol->st_info & 15) == STT_GNU_IFUNC)
    search.found.address = resolved(search.found.address);
  return search.found;
}

int count_module(dl_phdr_info*, std::size_t, void* context) {
  ++*static_cast<unsigned*>(context);
  return 0;
}

// Those that the program began with: they stay, and later ones stand behind them.
std::atomic<unsigned> first_modules{0};

unsigned count_first_modules() {
  unsigned count = first_modules.load(std::memory_order_relaxed);
  if (count == 0) {
    for_each_module(count_module, &count);
    first_modules.store(count, std::memory_order_relaxed);
  }
  return count;
}

}  // namespace

ModuleRange range_of(const dl_phdr_info& module) {
  ModuleRange range = {UINTPTR_MAX, 0};
  for (unsigned i = 0; i < module.dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = module.dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    const std::uintptr_t from = module.dlpi_addr + header.p_vaddr;
    if (from < range.start) range.start = from;
    if (from + header.p_memsz > range.end) range.end = from + header.p_memsz;
  }
  return range;
}

bool is_in_this_module(const Export& found) { return found.module.has(&first_modules); }

Export find_export(const char* name) { return search(name, Where::kAnywhere, nullptr, UINT32_MAX); }

Export find_next_export(const char* name) {
  return search(name, Where::kBehind, &first_modules, count_first_modules());
}

Export find_export_elsewhere(const char* name) { return search(name, Where::kElsewhere, &first_modules, UINT32_MAX); }

Export find_export_beside(const void* there, const char* name) {
  return search(name, Where::kBeside, there, UINT32_MAX);
}

}  // namespace leakdir
