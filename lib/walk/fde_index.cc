// SPDX-License-Identifier: BSL-1.0
#include "fde_index.hh"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>

#include "fde.hh"
#include "system/base.hh"
#include "system/loader.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

struct Entry {
  std::uintptr_t start;
  const std::uint8_t* fde;
};

Entry* entries = nullptr;
std::size_t entry_count = 0;
std::uintptr_t program_start = 0, program_end = 0;
std::atomic<bool> is_made{false};

struct Memory {
  const std::uint8_t *begin, *end;
};

// A table that begins at `at`: how many entries it has for functions; 0: there is none. `known` must be in it.
std::size_t table_entries(const Memory& memory, const std::uint8_t* at, std::uintptr_t known) {
  std::size_t count = 0;
  bool knows = false;
  const std::uint8_t* const first = at;
  while (memory.end - at >= 4) {
    std::uint32_t length;
    __builtin_memcpy(&length, at, sizeof length);
    if (length == 0) return knows ? count : 0;
    if (length < 8 || length % 4 != 0 || length > static_cast<std::uintptr_t>(memory.end - at) - 4) return 0;
    const std::uint32_t distance = distance_to_cie(at);
    if (distance != 0) {
      if (distance > static_cast<std::uintptr_t>(at + 4 - first) || distance_to_cie(at + 4 - distance) != 0) return 0;
      FdeRange range;
      if (!read_fde_range(at, &range)) return 0;
      knows |= known - range.start < range.bytes;
      ++count;
    }
    at += std::uintptr_t{length} + 4;
  }
  return 0;
}

// Every table begins with a CIE, and every compiler's and assembler's has an augmentation.
bool may_begin_here(const std::uint8_t* at) {
  constexpr std::uint32_t kLongestCie = 0x100;
  std::uint32_t length;
  __builtin_memcpy(&length, at, sizeof length);
  return length >= 12 && length < kLongestCie && length % 4 == 0 && distance_to_cie(at) == 0 &&
         (at[8] == 1 || at[8] == 3) && at[9] == 'z';
}

struct Search {
  std::uintptr_t known;
  const std::uint8_t* table;
  std::size_t count;
};

void search(const Memory& memory, Search& search) {
  constexpr std::ptrdiff_t kShortest = 16;
  for (const std::uint8_t* at = memory.begin; memory.end - at >= kShortest; at += 4) {
    if (!may_begin_here(at)) continue;
    search.count = table_entries(memory, at, search.known);
    if (search.count == 0) continue;
    search.table = at;
    return;
  }
}

// The program is the first module. Its table lies among constants, or, by older linkers, behind the code.
int see_program(dl_phdr_info* info, std::size_t, void* context) {
  Search& wanted = *static_cast<Search*>(context);
  program_start = UINTPTR_MAX;
  for (const unsigned also : {0u, unsigned{PF_X}}) {
    for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
      const ElfW(Phdr)& header = info->dlpi_phdr[i];
      if (header.p_type != PT_LOAD) continue;
      const std::uintptr_t start = info->dlpi_addr + header.p_vaddr;
      program_start = std::min(program_start, start);
      program_end = std::max(program_end, start + header.p_memsz);
      if (wanted.table != nullptr || header.p_flags != (PF_R | also)) continue;
      const auto* const begin = reinterpret_cast<const std::uint8_t*>((start + 3) & ~std::uintptr_t{3});
      search({begin, begin + header.p_filesz}, wanted);
    }
  }
  return 1;
}

void read_table(const std::uint8_t* at) {
  for (; entry_bytes(at) != 0; at += entry_bytes(at)) {
    FdeRange range;
    if (distance_to_cie(at) == 0 || !read_fde_range(at, &range)) continue;
    // Of a function that the linker has dropped the address is 0.
    if (range.start >= program_start && range.start < program_end) entries[entry_count++] = {range.start, at};
  }
  std::sort(entries, entries + entry_count, [](const Entry& a, const Entry& b) { return a.start < b.start; });
}

}  // namespace

void make_fde_index() noexcept {
  if (has_fde_index()) return;
  Search wanted = {code_address(reinterpret_cast<const void*>(&make_fde_index)), nullptr, 0};
  for_each_module(see_program, &wanted);
  if (wanted.table == nullptr) return;
  const std::size_t bytes = wanted.count * sizeof(Entry);
  void* const memory = sys::map(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == nullptr) return;
  entries = static_cast<Entry*>(memory);
  read_table(wanted.table);
  is_made.store(true, std::memory_order_release);
}

bool has_fde_index() noexcept { return is_made.load(std::memory_order_acquire); }

bool is_in_indexed_program(std::uintptr_t pc) noexcept {
  return has_fde_index() && pc >= program_start && pc < program_end;
}

const std::uint8_t* indexed_fde(std::uintptr_t pc) noexcept {
  const Entry* const behind = std::upper_bound(entries, entries + entry_count, pc,
                                               [](std::uintptr_t at, const Entry& e) { return at < e.start; });
  return behind == entries ? nullptr : behind[-1].fde;
}

}  // namespace leakdir
