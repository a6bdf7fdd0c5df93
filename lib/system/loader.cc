// SPDX-License-Identifier: BSL-1.0
#include "loader.hh"

#include <dlfcn.h>
#include <elf.h>
#include <sys/auxv.h>

#include <atomic>

#include "base.hh"
#include "libc.hh"

#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
#define LEAKDIR_HAS_DL_FIND_OBJECT 1
// Weak, so that it pulls nothing into a static link: libgcc's search does where it needs it.
extern "C" {
extern decltype(_dl_find_object) _dl_find_object __attribute__((weak));
}
#endif
#endif

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

#if LEAKDIR_HAS_DL_FIND_OBJECT

bool find_object(const void* address, dl_find_object* found) {
  return _dl_find_object != nullptr && _dl_find_object(const_cast<void*>(address), found) == 0;
}

// Each link map that is still one, with what is known of its object.
template <typename Visit>
void for_each_link_map(Visit visit) {
  constexpr unsigned kMost = 65536;
  dl_find_object found;
  if (!find_object(reinterpret_cast<const void*>(&loader_was_forked), &found)) return;
  const link_map* map = found.dlfo_link_map;
  for (unsigned i = 0; map->l_prev != nullptr && i < kMost; ++i) map = map->l_prev;
  for (unsigned i = 0; map != nullptr && i < kMost; ++i, map = map->l_next) {
    if (map->l_ld == nullptr || !find_object(map->l_ld, &found)) continue;
    if (found.dlfo_link_map != map) return;  // another thread unloads it
    if (!visit(*map, found)) return;
  }
}

bool describe(const link_map& map, const dl_find_object& found, dl_phdr_info* into) {
  const auto* header = static_cast<const ElfW(Ehdr)*>(found.dlfo_map_start);
  const auto bytes = static_cast<std::size_t>(static_cast<const char*>(found.dlfo_map_end) -
                                              static_cast<const char*>(found.dlfo_map_start));
  for (unsigned i = 0; i < SELFMAG; ++i) {
    if (header->e_ident[i] != static_cast<unsigned char>(ELFMAG[i])) return false;
  }
  if (header->e_phoff > bytes || header->e_phnum > (bytes - header->e_phoff) / sizeof(ElfW(Phdr))) return false;
  *into = {};
  into->dlpi_addr = map.l_addr;
  into->dlpi_name = map.l_name;
  into->dlpi_phdr = reinterpret_cast<const ElfW(Phdr)*>(reinterpret_cast<const char*>(header) + header->e_phoff);
  into->dlpi_phnum = header->e_phnum;
  return true;
}

LEAKDIR_SLOW void for_each_found(int (*see)(dl_phdr_info*, std::size_t, void*), void* context) {
  for_each_link_map([&](const link_map& map, const dl_find_object& found) {
    dl_phdr_info info;
    return !describe(map, found, &info) || see(&info, 0, context) == 0;
  });
}

LEAKDIR_SLOW LoaderCounts counts_of_found() {
  LoaderCounts counts = {};
  for_each_link_map([&](const link_map& map, const dl_find_object& found) {
    counts.removed = (counts.removed ^ reinterpret_cast<std::uintptr_t>(&map)) * 0x100000001b3;
    counts.removed = (counts.removed ^ reinterpret_cast<std::uintptr_t>(found.dlfo_map_start)) * 0x100000001b3;
    return true;
  });
  counts.added = counts.removed;
  return counts;
}

#else

void for_each_found(int (*)(dl_phdr_info*, std::size_t, void*), void*) {}
LoaderCounts counts_of_found() { return {}; }

#endif

}  // namespace

bool read_loader_counts(const dl_phdr_info& info, std::size_t bytes, LoaderCounts* into) {
  if (bytes < offsetof(dl_phdr_info, dlpi_subs) + sizeof info.dlpi_subs) return false;
  *into = {info.dlpi_adds, info.dlpi_subs};
  return true;
}

bool loader_is_asked() { return !is_never_asked.load(std::memory_order_relaxed); }

void for_each_module(int (*see)(dl_phdr_info*, std::size_t, void*), void* context) {
  if (!loader_is_asked()) return for_each_found(see, context);
  const Asking now;
  ::dl_iterate_phdr(see, context);
}

LoaderCounts loader_counts() {
  if (!loader_is_asked()) return counts_of_found();
  LoaderCounts counts = {};
  const Asking now;
  ::dl_iterate_phdr(see_counts, &counts);
  return counts;
}

namespace {

// What the loader has told the program, for debuggers; null in a static one.
const r_debug* told_by_loader() {
  const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(::getauxval(AT_PHDR));
  const unsigned long count = headers != nullptr ? ::getauxval(AT_PHNUM) : 0;
  const ElfW(Phdr)* interpreter = nullptr;
  const ElfW(Phdr)* dynamic = nullptr;
  std::uintptr_t bias = 0;
  for (unsigned long i = 0; i < count; ++i) {
    if (headers[i].p_type == PT_INTERP) interpreter = &headers[i];
    if (headers[i].p_type == PT_DYNAMIC) dynamic = &headers[i];
    if (headers[i].p_type == PT_PHDR) bias = reinterpret_cast<std::uintptr_t>(headers) - headers[i].p_vaddr;
  }
  if (interpreter == nullptr || dynamic == nullptr) return nullptr;
  for (const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(bias + dynamic->p_vaddr); entry->d_tag != DT_NULL;
       ++entry) {
    if (entry->d_tag == DT_DEBUG && entry->d_un.d_ptr != 0) return reinterpret_cast<const r_debug*>(entry->d_un.d_ptr);
  }
  return nullptr;
}

}  // namespace

std::uintptr_t loader_base() {
  const std::uintptr_t base = ::getauxval(AT_BASE);
  if (base != 0) return base;
  // `ld.so PROGRAM`: the kernel knows of no loader.
  const r_debug* const told = told_by_loader();
  return told != nullptr ? told->r_ldbase : 0;
}

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

bool may_be_in_module(std::uintptr_t address) {
#if LEAKDIR_HAS_DL_FIND_OBJECT
  dl_find_object found;
  return _dl_find_object == nullptr || find_object(reinterpret_cast<const void*>(address), &found);
#else
  return address != 0;
#endif
}

void loader_was_forked(bool had_threads) {
  if (libc::kIsMusl) return;
  if (had_threads || asking.exchange(0, std::memory_order_relaxed) != 0) {
    is_never_asked.store(true, std::memory_order_relaxed);
  }
}

}  // namespace leakdir
