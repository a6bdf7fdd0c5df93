// SPDX-License-Identifier: BSL-1.0
#include "find_fde.hh"

#include <dlfcn.h>
#include <link.h>

#include "fde.hh"
#include "fde_index.hh"
#include "system/guard.hh"

extern "C" {
// libgcc's look-up (unwind-dw2-fde.h): declared in no installed header, part of its stable interface since GCC 3.0.
struct dwarf_eh_bases {
  void* text;
  void* data;
  void* function;
};
const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);

#if defined(__GLIBC_PREREQ) && __GLIBC_PREREQ(2, 35)
#define LEAKDIR_HAS_DL_FIND_OBJECT 1
// Weak, so that it pulls nothing into a static link: libgcc's search does where it needs it.
extern decltype(_dl_find_object) _dl_find_object __attribute__((weak));
#endif
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

[[maybe_unused]] Answer look_in_table(const void* header, std::uintptr_t pc, FoundFde* into) {
  const auto& table = *static_cast<const TableHeader*>(header);
  if (table.version != 1 || (table.frame_encoding & kFrameBytesMask) != kSdata4 ||
      table.count_encoding != kCountEncoding || table.table_encoding != kTableEncoding || table.count == 0) {
    return Answer::kNotKnown;
  }
  const auto base = reinterpret_cast<std::uintptr_t>(header);
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
#if LEAKDIR_HAS_DL_FIND_OBJECT
  dl_find_object object;  // no lock, safe in signal handlers
  if (_dl_find_object != nullptr && _dl_find_object(reinterpret_cast<void*>(pc), &object) == 0 &&
      object.dlfo_eh_frame != nullptr) {
    return look_in_table(object.dlfo_eh_frame, pc, into);
  }
#endif
  return Answer::kNotKnown;
}

// The first look of libgcc's may allocate.
Answer ask_libgcc(std::uintptr_t pc, FoundFde* into) {
  if (is_rewritten()) return Answer::kNone;
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

bool libgcc_finds_fde(std::uintptr_t pc) noexcept {
  FoundFde found;
  return ask_libgcc(pc, &found) == Answer::kFound;
}

}  // namespace leakdir
