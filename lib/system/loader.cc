// SPDX-License-Identifier: BSL-1.0
#include "loader.hh"

#include <elf.h>
#include <sys/auxv.h>

#include <atomic>

#include "base.hh"
#include "find_object.hh"
#include "libc.hh"
#include "link_maps.hh"

namespace leakdir {
namespace {

// In ordinary memory: a child gets them as they were at the fork.
std::atomic<std::uint32_t> asking{0};
std::atomic<bool> is_never_asked{false};

struct Asking {
  Asking() { asking.fetch_add(1, std::memory_order_seq_cst); }
  ~Asking() { asking.fetch_sub(1, std::memory_order_release); }
};

int see_counts(dl_phdr_info* info, std::size_t bytes, void* context) {
  static_cast<void>(read_loader_counts(*info, bytes, static_cast<LoaderCounts*>(context)));
  return 1;  // the same for each module
}

struct Search {
  std::uintptr_t address, tables;
  bool is_found;
};

[[maybe_unused]] int see_tables(dl_phdr_info* info, std::size_t, void* context) {
  Search& search = *static_cast<Search*>(context);
  std::uintptr_t tables = 0;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const std::uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_GNU_EH_FRAME) tables = start;
    search.is_found |= header.p_type == PT_LOAD && search.address - start < header.p_memsz;
  }
  if (search.is_found) search.tables = tables;
  return search.is_found ? 1 : 0;
}

}  // namespace

bool read_loader_counts(const dl_phdr_info& info, std::size_t bytes, LoaderCounts* into) {
  if (bytes < offsetof(dl_phdr_info, dlpi_subs) + sizeof info.dlpi_subs) return false;
  *into = {info.dlpi_adds, info.dlpi_subs};
  return true;
}

bool loader_is_asked() { return !is_never_asked.load(std::memory_order_relaxed); }

void for_each_module(int (*see)(dl_phdr_info*, std::size_t, void*), void* context) {
  if (!loader_is_asked()) return for_each_link_map(see, context);
  const Asking now;
  ::dl_iterate_phdr(see, context);
}

LoaderCounts loader_counts() {
  if (!loader_is_asked()) {
    const unsigned long long print = fingerprint_of_link_maps();
    return {print, print};
  }
  LoaderCounts counts = {};
  const Asking now;
  ::dl_iterate_phdr(see_counts, &counts);
  return counts;
}

bool find_module(std::uintptr_t address, std::uintptr_t* tables) {
#if LEAKDIR_HAS_DL_FIND_OBJECT
  dl_find_object found;
  if (!find_object(address, &found)) return false;
  *tables = reinterpret_cast<std::uintptr_t>(found.dlfo_eh_frame);
  return true;
#else
  Search search = {address, 0, false};
  for_each_module(see_tables, &search);
  *tables = search.tables;
  return search.is_found;
#endif
}

bool unwinder_may_be_called() {
#if LEAKDIR_HAS_DL_FIND_OBJECT && (defined(__clang__) || __GNUC__ >= 12)
  return true;
#else
  return loader_is_asked();
#endif
}

std::uintptr_t loader_base() {
  const std::uintptr_t base = ::getauxval(AT_BASE);
  if (base != 0) return base;
  // `ld.so PROGRAM`: the kernel knows of no loader.
  const r_debug* const told = told_by_loader();
  return told != nullptr ? told->r_ldbase : 0;
}

#if !LEAKDIR_HAS_DL_FIND_OBJECT
namespace {

struct ModulesSeen {
  LoaderCounts counts;
  unsigned modules;
};

int see_module(dl_phdr_info* info, std::size_t bytes, void* context) {
  auto& seen = *static_cast<ModulesSeen*>(context);
  static_cast<void>(read_loader_counts(*info, bytes, &seen.counts));
  ++seen.modules;
  return 0;
}

// The loader's counts are of all name spaces, its list is of ours.
unsigned modules_elsewhere() {
  ModulesSeen seen = {};
  if (loader_is_asked() && !libc::kIsMusl) for_each_module(see_module, &seen);
  const unsigned long long there = seen.counts.added - seen.counts.removed;
  return there > seen.modules ? static_cast<unsigned>(there - seen.modules) : 0;
}

}  // namespace

unsigned count_namespaces() { return 1 + modules_elsewhere(); }

#else

unsigned count_namespaces() {
  struct Extended {  // r_debug_extended, which glibc before 2.35 has not
    r_debug base;
    const Extended* next;
  };
  constexpr unsigned kMost = 64;
  const r_debug* const told = told_by_loader();
  if (told == nullptr || __atomic_load_n(&told->r_version, __ATOMIC_ACQUIRE) < 2) return 1;
  unsigned count = 0;
  for (const auto* at = reinterpret_cast<const Extended*>(told); at != nullptr && count < kMost; ++count)
    at = __atomic_load_n(&at->next, __ATOMIC_ACQUIRE);
  return count;
}

#endif

bool may_be_in_module(std::uintptr_t address) {
  std::uintptr_t tables;
  return address != 0 && (!has_link_maps() || find_module(address, &tables));
}

void loader_was_forked(bool had_threads) {
  if (libc::kIsMusl) return;
  if (had_threads || asking.exchange(0, std::memory_order_relaxed) != 0) {
    is_never_asked.store(true, std::memory_order_relaxed);
  }
}

}  // namespace leakdir
