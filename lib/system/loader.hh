// SPDX-License-Identifier: BSL-1.0
//
// The one door to the dynamic loader's list of modules. dl_iterate_phdr takes a lock of the loader's, which a fork may
// copy while another thread holds it (glibc 2.36 does not make it free again in the child). So a child of a
// program that had several threads never asks: it goes along the loader's link maps (link_maps.hh).
// (musl makes its locks free in the child.)
//
// Never while another of our locks is held that a thread in the loader may wait for. Does not allocate.

#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>

namespace leakdir {

// As dl_iterate_phdr. Where it is not asked, the module's size of dl_phdr_info is 0: there are no counts in it.
void for_each_module(int (*see)(dl_phdr_info*, std::size_t, void*), void* context);

// Whether an address lies in a module, and where the unwind tables of that are which the linker has sorted
// (PT_GNU_EH_FRAME; 0: it has none). Without a lock from glibc 2.35 on; before, and with musl, as for_each_module.
bool find_module(std::uintptr_t address, std::uintptr_t* tables);

// Whether libgcc's unwinder may be called: before gcc 12, and upon glibc before 2.35, it asks the loader.
bool unwinder_may_be_called();

// Both together change when a module comes, `removed` when one goes.
struct LoaderCounts {
  unsigned long long added;
  unsigned long long removed;
};
LoaderCounts loader_counts();
bool read_loader_counts(const dl_phdr_info& info, std::size_t bytes, LoaderCounts* into);

// In a child that does not ask the list may be incomplete: whether a module is still at this address.
bool loader_is_asked();
bool may_be_in_module(std::uintptr_t address);

// Where the loader itself lies; 0 in a static program.
std::uintptr_t loader_base();
inline bool is_static_program() { return loader_base() == 0; }

// How many name spaces of modules there are, or were: with each dlmopen() comes one. 1 where the program was linked
// without DT_DEBUG. Before glibc 2.35 it is a number that is higher while there are modules in another.
unsigned count_namespaces();

// In a forked child, before it asks for the first time.
void loader_was_forked(bool had_threads);

}  // namespace leakdir
