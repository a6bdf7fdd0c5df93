// SPDX-License-Identifier: BSL-1.0
//
// For processors with DWARF tables (.eh_frame): one entry for each function.

#include "find_fde.hh"
#include "function_start.hh"

namespace leakdir {

bool find_function_start(std::uintptr_t pc, FunctionStart& start) {
  dwarf_eh_bases bases = {};
  if (_Unwind_Find_FDE(reinterpret_cast<void*>(pc), &bases) == nullptr) return false;
  const auto function = reinterpret_cast<std::uintptr_t>(bases.function);
  start = {function, function, true};
  return true;
}

int table_distance(std::uintptr_t earlier, std::uintptr_t later, int most) {
  dwarf_eh_bases bases = {};
  const auto* at = static_cast<const char*>(_Unwind_Find_FDE(reinterpret_cast<void*>(earlier), &bases));
  const auto* to = static_cast<const char*>(_Unwind_Find_FDE(reinterpret_cast<void*>(later), &bases));
  if (at == nullptr || to == nullptr || to <= at) return 0;
  // Each entry begins with its length, 0 at the end; those with a 0 behind it describe what others have in common.
  for (int distance = 0; distance <= most && at < to;) {
    std::uint32_t length, common;
    __builtin_memcpy(&length, at, sizeof length);
    if (length == 0xffffffff) return 0;
    at += sizeof length + length;
    __builtin_memcpy(&length, at, sizeof length);
    if (length == 0) return 0;
    __builtin_memcpy(&common, at + sizeof length, sizeof common);
    if (common != 0) ++distance;
    if (at == to) return distance <= most ? distance : 0;
  }
  return 0;
}

bool has_unwind_tables(std::uintptr_t own) {
  FunctionStart start;
  return find_function_start(own + 1, start);
}

}  // namespace leakdir
