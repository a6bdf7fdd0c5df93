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
bool has_two_tables = false;

bool is_before(std::uintptr_t at, const Entry& entry) { return at < entry.start; }

struct Memory {
  const std::uint8_t *begin, *end;
};

struct Table {
  const std::uint8_t *begin, *end;  // the end: the word that says so; null: it is none
  std::size_t count;                // entries for functions
  bool knows;                       // one of them is for a function of ours
};

Table table_at(const Memory& memory, const std::uint8_t* const begin, std::uintptr_t known) {
  constexpr Table kNone = {nullptr, nullptr, 0, false};
  Table table = {begin, nullptr, 0, false};
  for (const std::uint8_t* at = begin; memory.end - at >= 4;) {
    std::uint32_t length;
    __builtin_memcpy(&length, at, sizeof length);
    if (length == 0) {
      table.end = at;
      return table;
    }
    if (length < 8 || length % 4 != 0 || length > static_cast<std::uintptr_t>(memory.end - at) - 4) return kNone;
    const std::uint32_t distance = distance_to_cie(at);
    if (distance != 0) {
      if (distance > static_cast<std::uintptr_t>(at + 4 - begin) || distance_to_cie(at + 4 - distance) != 0)
        return kNone;
      FdeRange range;
      if (!read_fde_range(at, &range)) return kNone;
      table.knows |= known - range.start < range.bytes;
      ++table.count;
    }
    at += std::uintptr_t{length} + 4;
  }
  return kNone;
}

// Every table begins with a CIE, and every compiler's and assembler's has an augmentation.
bool may_begin_here(const std::uint8_t* at) {
  constexpr std::uint32_t kLongestCie = 0x100;
  std::uint32_t length;
  __builtin_memcpy(&length, at, sizeof length);
  return length >= 12 && length < kLongestCie && length % 4 == 0 && distance_to_cie(at) == 0 &&
         (at[8] == 1 || at[8] == 3) && at[9] == 'z';
}

// The program's own table, and what stands behind it: BOLT, which puts code elsewhere, makes a table for that and puts
// the old one behind it, where the code is that it has left in its place.
struct Search {
  std::uintptr_t known;
  Table table, other;
};

Table table_behind(const Memory& memory, const Table& table) {
  constexpr std::ptrdiff_t kMostBetween = 16, kShortest = 16;
  const std::uint8_t* at = table.end;
  while (at - table.end <= kMostBetween && memory.end - at >= kShortest && entry_bytes(at) == 0) at += 4;
  if (memory.end - at >= kShortest && may_begin_here(at)) return table_at(memory, at, 0);
  return {nullptr, nullptr, 0, false};
}

void search(const Memory& memory, Search& search) {
  constexpr std::ptrdiff_t kShortest = 16;
  for (const std::uint8_t* at = memory.begin; memory.end - at >= kShortest; at += 4) {
    if (!may_begin_here(at)) continue;
    const Table found = table_at(memory, at, search.known);
    if (!found.knows) continue;
    search.table = found;
    search.other = table_behind(memory, found);
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
      if (wanted.table.end != nullptr || header.p_flags != (PF_R | also)) continue;
      const auto* const begin = reinterpret_cast<const std::uint8_t*>((start + 3) & ~std::uintptr_t{3});
      search({begin, begin + header.p_filesz}, wanted);
    }
  }
  return 1;
}

// Of what the first table covers the other one is out of date.
void read_table(const Table& table) {
  const std::size_t before = entry_count;
  const auto is_covered = [before](std::uintptr_t start) {
    const Entry* const behind = std::upper_bound(entries, entries + before, start, is_before);
    FdeRange range;
    return behind != entries && read_fde_range(behind[-1].fde, &range) && start - range.start < range.bytes;
  };
  for (const std::uint8_t* at = table.begin; at < table.end; at += entry_bytes(at)) {
    FdeRange range;
    if (distance_to_cie(at) == 0 || !read_fde_range(at, &range)) continue;
    // Of a function that the linker has dropped the address is 0.
    if (range.start >= program_start && range.start < program_end && !is_covered(range.start))
      entries[entry_count++] = {range.start, at};
  }
  std::sort(entries, entries + entry_count, [](const Entry& a, const Entry& b) { return a.start < b.start; });
}

}  // namespace

void make_fde_index() noexcept {
  if (has_fde_index()) return;
  Search wanted = {code_address(reinterpret_cast<const void*>(&make_fde_index)), {}, {}};
  for_each_module(see_program, &wanted);
  if (wanted.table.end == nullptr) return;
  const std::size_t bytes = (wanted.table.count + wanted.other.count) * sizeof(Entry);
  void* const memory = sys::map(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == nullptr) return;
  entries = static_cast<Entry*>(memory);
  read_table(wanted.table);
  has_two_tables = wanted.other.end != nullptr;
  if (has_two_tables) read_table(wanted.other);
  is_made.store(true, std::memory_order_release);
}

bool has_fde_index() noexcept { return is_made.load(std::memory_order_acquire); }

bool is_rewritten() noexcept { return has_fde_index() && has_two_tables; }

bool is_in_indexed_program(std::uintptr_t pc) noexcept {
  return has_fde_index() && pc >= program_start && pc < program_end;
}

const std::uint8_t* indexed_fde(std::uintptr_t pc) noexcept {
  const Entry* const behind = std::upper_bound(entries, entries + entry_count, pc, is_before);
  return behind == entries ? nullptr : behind[-1].fde;
}

}  // namespace leakdir
