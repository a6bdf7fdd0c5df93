// SPDX-License-Identifier: BSL-1.0
#include "link_maps.hh"

#include <dlfcn.h>
#include <elf.h>
#include <sys/auxv.h>

#include "base.hh"
#include "find_object.hh"

namespace leakdir {
namespace {

constexpr unsigned kMostMaps = 65536;

struct Headers {
  const ElfW(Phdr) * at;
  unsigned long count;
};

// As the kernel has found them.
Headers headers_of_program() {
  const auto* at = reinterpret_cast<const ElfW(Phdr)*>(::getauxval(AT_PHDR));
  return {at, at != nullptr ? ::getauxval(AT_PHNUM) : 0};
}

}  // namespace

const r_debug* told_by_loader() {
  const Headers program = headers_of_program();
  const ElfW(Phdr)* interpreter = nullptr;
  const ElfW(Phdr)* dynamic = nullptr;
  std::uintptr_t bias = 0;
  for (unsigned long i = 0; i < program.count; ++i) {
    const ElfW(Phdr)& header = program.at[i];
    if (header.p_type == PT_INTERP) interpreter = &header;
    if (header.p_type == PT_DYNAMIC) dynamic = &header;
    if (header.p_type == PT_PHDR) bias = reinterpret_cast<std::uintptr_t>(program.at) - header.p_vaddr;
  }
  if (interpreter == nullptr || dynamic == nullptr) return nullptr;
  for (const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(bias + dynamic->p_vaddr); entry->d_tag != DT_NULL;
       ++entry) {
    if (entry->d_tag == DT_DEBUG && entry->d_un.d_ptr != 0) return reinterpret_cast<const r_debug*>(entry->d_un.d_ptr);
  }
  return nullptr;
}

namespace {

#if LEAKDIR_HAS_DL_FIND_OBJECT

// Each link map that is still one, with what is known of its object.
template <typename Visit>
void for_each_found(Visit visit) {
  dl_find_object found;
  if (!find_object(reinterpret_cast<std::uintptr_t>(&told_by_loader), &found)) return;
  const link_map* map = found.dlfo_link_map;
  for (unsigned i = 0; map->l_prev != nullptr && i < kMostMaps; ++i) map = map->l_prev;
  for (unsigned i = 0; map != nullptr && i < kMostMaps; ++i, map = map->l_next) {
    if (map->l_ld == nullptr || !find_object(reinterpret_cast<std::uintptr_t>(map->l_ld), &found)) continue;
    if (found.dlfo_link_map != map) return;  // another thread unloads it
    const auto* header = static_cast<const ElfW(Ehdr)*>(found.dlfo_map_start);
    const auto bytes = static_cast<std::size_t>(static_cast<const char*>(found.dlfo_map_end) -
                                                static_cast<const char*>(found.dlfo_map_start));
    bool is_file = true;
    for (unsigned k = 0; k < SELFMAG; ++k) is_file &= header->e_ident[k] == static_cast<unsigned char>(ELFMAG[k]);
    if (!is_file || header->e_phoff > bytes || header->e_phnum > (bytes - header->e_phoff) / sizeof(ElfW(Phdr)))
      continue;
    const char* const headers = reinterpret_cast<const char*>(header) + header->e_phoff;
    if (!visit(*map, Headers{reinterpret_cast<const ElfW(Phdr)*>(headers), header->e_phnum})) return;
  }
}

#else

struct LinkMaps {
  const link_map* first;
  unsigned place;  // in words, of an InMap; 0: not found
};

// How far the program lies from where it was linked to. One that needs no loader may have no PT_PHDR: its headers
// follow the file's, at the beginning of the first segment.
std::uintptr_t bias_of(const Headers& program) {
  const auto here = reinterpret_cast<std::uintptr_t>(program.at);
  for (unsigned long i = 0; i < program.count; ++i) {
    if (program.at[i].p_type == PT_PHDR) return here - program.at[i].p_vaddr;
  }
  for (unsigned long i = 0; i < program.count; ++i) {
    const ElfW(Phdr)& header = program.at[i];
    if (header.p_type == PT_LOAD && header.p_offset == 0) return here - sizeof(ElfW(Ehdr)) - header.p_vaddr;
  }
  return 0;
}

// What follows the public part of a link map somewhere (tried with glibc 2.31). What the program's has there is known
// from the kernel.
struct InMap {
  const ElfW(Phdr) * headers;
  ElfW(Addr) entry;
  ElfW(Half) count;
};

unsigned find_in_map(const link_map* program) {
  constexpr unsigned kMostWords = 128;  // it has more
  const auto* const words = reinterpret_cast<const std::uintptr_t*>(program);
  const Headers headers = headers_of_program();
  for (unsigned i = sizeof *program / sizeof *words; i < kMostWords - sizeof(InMap) / sizeof *words; ++i) {
    const auto& here = *reinterpret_cast<const InMap*>(words + i);
    if (here.headers == headers.at && here.entry == ::getauxval(AT_ENTRY) && here.count == headers.count) return i;
  }
  return 0;
}

LinkMaps link_maps() {
  const r_debug* const told = told_by_loader();
  const link_map* const first = told != nullptr ? told->r_map : nullptr;
  return {first, first != nullptr ? find_in_map(first) : 0};
}

template <typename Visit>
void for_each_found(Visit visit) {
  const LinkMaps maps = link_maps();
  if (maps.place == 0) {
    link_map program = {};
    const Headers headers = headers_of_program();
    program.l_addr = bias_of(headers);
    program.l_name = const_cast<char*>("");
    if (headers.at != nullptr) visit(program, headers);
    return;
  }
  const link_map* map = maps.first;
  for (unsigned i = 0; map != nullptr && i < kMostMaps; ++i, map = map->l_next) {
    const auto& found = *reinterpret_cast<const InMap*>(reinterpret_cast<const std::uintptr_t*>(map) + maps.place);
    if (found.headers != nullptr && !visit(*map, Headers{found.headers, found.count})) return;
  }
}

#endif

}  // namespace

bool has_link_maps() {
#if LEAKDIR_HAS_DL_FIND_OBJECT
  return has_find_object();
#else
  return link_maps().place != 0;
#endif
}

LEAKDIR_SLOW void for_each_link_map(int (*see)(dl_phdr_info*, std::size_t, void*), void* context) {
  for_each_found([&](const link_map& map, const Headers& headers) {
    dl_phdr_info info = {};
    info.dlpi_addr = map.l_addr;
    info.dlpi_name = map.l_name;
    info.dlpi_phdr = headers.at;
    info.dlpi_phnum = static_cast<ElfW(Half)>(headers.count);
    return see(&info, 0, context) == 0;
  });
}

LEAKDIR_SLOW unsigned long long fingerprint_of_link_maps() {
  constexpr unsigned long long kPrime = 0x100000001b3;
  unsigned long long print = 0;
  for_each_found([&](const link_map& map, const Headers& headers) {
    print = (print ^ reinterpret_cast<std::uintptr_t>(&map)) * kPrime;
    print = (print ^ reinterpret_cast<std::uintptr_t>(headers.at)) * kPrime;
    return true;
  });
  return print;
}

}  // namespace leakdir
