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

bool has_unwind_tables(std::uintptr_t own) {
  FunctionStart start;
  return find_function_start(own + 1, start);
}

}  // namespace leakdir
