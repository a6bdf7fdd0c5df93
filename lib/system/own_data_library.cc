// SPDX-License-Identifier: BSL-1.0
//
// Of the library: all of it that can be written to.

#include <cstdint>

#include "loader.hh"
#include "own_data.hh"
#include "own_memory.hh"

namespace leakdir {
namespace {

const char in_this_library = 0;

int see_module(dl_phdr_info* info, std::size_t, void*) {
  bool is_ours = false;
  const auto start_of = [&](const ElfW(Phdr) & header) { return info->dlpi_addr + header.p_vaddr; };
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const std::uintptr_t inside = reinterpret_cast<std::uintptr_t>(&in_this_library) - start_of(header);
    is_ours = is_ours || (header.p_type == PT_LOAD && inside < header.p_memsz);
  }
  for (unsigned i = 0; is_ours && i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_W) == 0) continue;
    data_are_own(reinterpret_cast<const void*>(start_of(header)), header.p_memsz);
  }
  return is_ours ? 1 : 0;
}

}  // namespace

void own_data_is_known() { for_each_module(see_module, nullptr); }

}  // namespace leakdir
