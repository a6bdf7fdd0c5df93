// SPDX-License-Identifier: BSL-1.0
#include <sys/auxv.h>

#include "call_site.hh"

namespace leakdir {

bool is_program_entry(std::uintptr_t pc) noexcept {
  constexpr std::uintptr_t kMost = 64;
  const std::uintptr_t entry = getauxval(AT_ENTRY);
  return entry != 0 && pc - entry < kMost;
}

}  // namespace leakdir
