// SPDX-License-Identifier: BSL-1.0
//
// For processors with DWARF tables (.eh_frame): one entry for each function.

#include "fde.hh"
#include "fde_index.hh"
#include "find_fde.hh"
#include "function_start.hh"

namespace leakdir {

bool find_function_start(std::uintptr_t pc, FunctionStart& start) {
  FoundFde found;
  if (!find_fde(pc, &found)) {
#if defined(__riscv)
    // Compilers make no tables there unless they are asked to, and most of libc.a has none: a function that is asked
    // for (_dl_allocate_tls) begins somewhere before, and is shorter than this.
    constexpr std::uintptr_t kLongest = 256;
    start = {pc - kLongest, pc, false, false};
    return true;
#else
    return false;
#endif
  }
  start = {found.function, found.function, true, is_signal_fde(found.entry)};
  return true;
}

std::uintptr_t find_function_end(std::uintptr_t pc) {
  FoundFde found;
  FdeRange range;
  return find_fde(pc, &found) && read_fde_range(found.entry, &range) ? range.start + range.bytes : 0;
}

bool is_function_start(std::uintptr_t address) {
  FoundFde found;
  return find_fde_in_modules(address, &found) && found.function == address;
}

int table_distance(std::uintptr_t earlier, std::uintptr_t later, int most) {
  FoundFde from, found;
  if (!find_fde(earlier, &from) || !find_fde(later, &found)) return 0;
  const std::uint8_t* at = from.entry;
  for (int distance = 0; distance <= most && at < found.entry && entry_bytes(at) != 0;) {
    at += entry_bytes(at);
    if (entry_bytes(at) != 0 && distance_to_cie(at) != 0) ++distance;
    if (at == found.entry) return distance <= most ? distance : 0;
  }
  return 0;
}

bool make_function_index() {
  make_fde_index();
  return has_fde_index();
}

bool is_in_unwinders_search(std::uintptr_t return_address) { return is_in_libgccs_search(return_address); }

bool has_unwind_tables(std::uintptr_t own) { return libgcc_finds_fde(own + 1); }

}  // namespace leakdir
