// SPDX-License-Identifier: BSL-1.0
//
// Part of the objects for musl where the compiler's libgcc was made for glibc 2.35 or later (Debian's musl-gcc has the
// one of gcc): its unwinder asks the loader by this name, which musl has not. The answer is dl_iterate_phdr's. Weak: a
// program that has one already keeps it.

#include <link.h>

#include <cstdint>

namespace {

// As in glibc's dlfcn.h, of processors where libgcc needs no more.
struct Answer {
  unsigned long long flags;
  void* start;
  void* end;
  void* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};

struct Search {
  std::uintptr_t address;
  Answer* answer;
};

int see_module(dl_phdr_info* info, std::size_t, void* context) {
  const Search& search = *static_cast<Search*>(context);
  std::uintptr_t start = UINTPTR_MAX, end = 0, table = 0;
  bool is_here = false;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const std::uintptr_t from = info->dlpi_addr + header.p_vaddr, to = from + header.p_memsz;
    if (header.p_type == PT_GNU_EH_FRAME) table = from;
    if (header.p_type != PT_LOAD) continue;
    if (from < start) start = from;
    if (to > end) end = to;
    is_here |= search.address >= from && search.address < to;
  }
  if (!is_here) return 0;
  if (table == 0) return 2;
  *search.answer = {0,       reinterpret_cast<void*>(start), reinterpret_cast<void*>(end),
                    nullptr, reinterpret_cast<void*>(table), {}};
  return 1;
}

}  // namespace

// (glibc's headers declare it with a type of theirs.)
extern "C" __attribute__((weak, visibility("default"), used)) int leakdir_finds_object(void*, Answer*) __asm__(
    "_dl_find_object");

int leakdir_finds_object(void* address, Answer* answer) {
  Search search = {reinterpret_cast<std::uintptr_t>(address), answer};
  return ::dl_iterate_phdr(see_module, &search) == 1 ? 0 : -1;
}
