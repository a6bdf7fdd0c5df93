// SPDX-License-Identifier: BSL-1.0
//
// For 32-bit ARM, whose tables (.ARM.exidx, "Exception Handling ABI for the Arm Architecture") are there from the
// beginning to the end, sorted: two words for each function, of which the first leads to it. The linker leaves out an
// entry that says the same as the one before it, so a function may begin anywhere between two entries.

#include <link.h>

#include "function_start.hh"
#include "system/loader.hh"

namespace leakdir {
namespace {

struct Entry {
  std::uint32_t function;  // 31 bits, relative to this word
  std::uint32_t content;
};

// The functions that are asked for (operator new, _dl_allocate_tls) are shorter than this, in either instruction set.
constexpr std::uintptr_t kLongest = 256;

std::uintptr_t function_of(const Entry& entry) {
  const auto offset = static_cast<std::int32_t>(entry.function << 1) >> 1;
  return reinterpret_cast<std::uintptr_t>(&entry.function) + static_cast<std::uintptr_t>(offset);
}

struct Search {
  std::uintptr_t pc;
  const Entry* entries;
  std::size_t count;
};

int see_module(dl_phdr_info* info, std::size_t, void* context) {
  Search& search = *static_cast<Search*>(context);
  bool is_here = false;
  const ElfW(Phdr)* table = nullptr;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const std::uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && search.pc >= start && search.pc - start < header.p_memsz) is_here = true;
    if (header.p_type == PT_ARM_EXIDX) table = &header;
  }
  if (!is_here) return 0;
  if (table != nullptr) {
    search.entries = reinterpret_cast<const Entry*>(info->dlpi_addr + table->p_vaddr);
    search.count = table->p_memsz / sizeof(Entry);
  }
  return 1;
}

}  // namespace

bool find_function_start(std::uintptr_t pc, FunctionStart& start) {
  Search search = {pc, nullptr, 0};
  for_each_module(see_module, &search);
  std::size_t low = 0, high = search.count;  // the first entry beyond pc lies in [low, high]
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (function_of(search.entries[middle]) <= pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return false;
  const std::uintptr_t entry = function_of(search.entries[low - 1]);
  start = {pc - entry < kLongest ? entry : pc - kLongest, pc, false, false};
  return true;
}

std::uintptr_t find_function_end(std::uintptr_t) { return 0; }

// Sorted by address: what belongs together need not stand together.
int table_distance(std::uintptr_t, std::uintptr_t, int) { return 0; }

bool is_function_start(std::uintptr_t) { return false; }

bool make_function_index() { return false; }

bool is_in_unwinders_search(std::uintptr_t) { return false; }

bool has_unwind_tables(std::uintptr_t) { return true; }

}  // namespace leakdir
