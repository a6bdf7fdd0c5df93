// SPDX-License-Identifier: BSL-1.0
#include "find_fde.hh"

#include "fde.hh"
#include "fde_index.hh"
#include "system/guard.hh"
#include "system/loader.hh"

extern "C" {
// libgcc's look-up (unwind-dw2-fde.h): declared in no installed header, part of its stable interface since GCC 3.0.
struct dwarf_eh_bases {
  void* text;
  void* data;
  void* function;
};
const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);
}

namespace leakdir {
namespace {

// .eh_frame_hdr, as linkers write it: a version, three encodings, where .eh_frame is, how many entries, and pairs of
// a function and its entry, counted from here and sorted.
struct TableHeader {
  std::uint8_t version, frame_encoding, count_encoding, table_encoding;
  std::int32_t frame;
  std::uint32_t count;
  struct Pair {
    std::int32_t function, entry;
  };
};
constexpr std::uint8_t kCountEncoding = 0x03, kTableEncoding = 0x3b;
constexpr std::uint8_t kFrameBytesMask = 0x0f, kSdata4 = 0x0b;

enum class Answer { kFound, kNone, kNotKnown };

bool covers(const std::uint8_t* fde, std::uintptr_t pc, FoundFde* into) {
  FdeRange range;
  if (!read_fde_range(fde, &range) || pc - range.start >= range.bytes) return false;
  *into = {fde, range.start};
  return true;
}

Answer look_in_table(std::uintptr_t base, std::uintptr_t pc, FoundFde* into) {
  const auto& table = *reinterpret_cast<const TableHeader*>(base);
  if (table.version != 1 || (table.frame_encoding & kFrameBytesMask) != kSdata4 ||
      table.count_encoding != kCountEncoding || table.table_encoding != kTableEncoding || table.count == 0) {
    return Answer::kNotKnown;
  }
  const auto* const pairs = reinterpret_cast<const TableHeader::Pair*>(&table + 1);
  const auto absolute = [base](std::int32_t distance) {
    return base + static_cast<std::uintptr_t>(std::intptr_t{distance});
  };
  std::size_t low = 0, high = table.count;  // the first pair beyond pc lies in [low, high]
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (absolute(pairs[middle].function) <= pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return Answer::kNone;
  const auto* const fde = reinterpret_cast<const std::uint8_t*>(absolute(pairs[low - 1].entry));
  return covers(fde, pc, into) ? Answer::kFound : Answer::kNone;
}

Answer look_in_modules(std::uintptr_t pc, FoundFde* into) {
  if (is_in_indexed_program(pc)) {
    const std::uint8_t* const fde = indexed_fde(pc);
    return fde != nullptr && covers(fde, pc, into) ? Answer::kFound : Answer::kNone;
  }
  std::uintptr_t tables = 0;
  if (find_module(pc, &tables) && tables != 0) return look_in_table(tables, pc, into);
  return Answer::kNotKnown;
}

// The first look of libgcc's may allocate.
Answer ask_libgcc(std::uintptr_t pc, FoundFde* into) {
  if (is_rewritten() || !unwinder_may_be_called()) return Answer::kNone;
  const GuardedScope guarded;
  dwarf_eh_bases bases = {};
  const void* const entry = _Unwind_Find_FDE(reinterpret_cast<void*>(pc), &bases);
  if (entry == nullptr) return Answer::kNone;
  *into = {static_cast<const std::uint8_t*>(entry), reinterpret_cast<std::uintptr_t>(bases.function)};
  return Answer::kFound;
}

}  // namespace

bool find_fde(std::uintptr_t pc, FoundFde* into) noexcept {
  Answer answer = look_in_modules(pc, into);
  if (answer == Answer::kNotKnown) answer = ask_libgcc(pc, into);
  return answer == Answer::kFound;
}

bool find_fde_in_modules(std::uintptr_t pc, FoundFde* into) noexcept {
  return look_in_modules(pc, into) == Answer::kFound;
}

bool is_in_libgccs_search(std::uintptr_t return_address) noexcept {
  FoundFde found;
  return look_in_modules(return_address - 1, &found) == Answer::kFound &&
         found.function == reinterpret_cast<std::uintptr_t>(&_Unwind_Find_FDE);
}

bool may_be_in_libgccs_search(std::uintptr_t return_address, std::uintptr_t sp, std::uintptr_t end) noexcept {
  const auto search = reinterpret_cast<std::uintptr_t>(&_Unwind_Find_FDE);
  const auto is_near = [search](std::uintptr_t address) {
    constexpr std::uintptr_t kNear = 1 << 14;  // all of that source file is
    return address - (search - kNear) < 2 * kNear;
  };
  if (!is_near(return_address)) return false;
  if (is_in_libgccs_search(return_address)) return true;
  for (; sp + sizeof sp <= end; sp += sizeof sp) {
    const std::uintptr_t word = *reinterpret_cast<const std::uintptr_t*>(sp);
    if (is_near(word) && is_in_libgccs_search(word)) return true;
  }
  return false;
}

bool libgcc_finds_fde(std::uintptr_t pc) noexcept {
  FoundFde found;
  return ask_libgcc(pc, &found) == Answer::kFound;
}

}  // namespace leakdir
