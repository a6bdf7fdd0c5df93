// SPDX-License-Identifier: BSL-1.0
//
// Calls of arm64: "Arm Architecture Reference Manual for A-profile", BL and BLR with its kin. Each has four bytes.

#include "call_site.hh"
#include "fast_walk_reach.hh"

namespace leakdir {
namespace {

std::uint32_t instruction_at(std::uintptr_t pc) {
  return __atomic_load_n(reinterpret_cast<const std::uint32_t*>(pc), __ATOMIC_RELAXED);
}

}  // namespace

bool follows_call(std::uintptr_t pc) noexcept {
  if (!can_ask()) return true;
  if (pc % 4 != 0 || !can_read(pc - 4)) return false;
  const std::uint32_t instruction = instruction_at(pc - 4);
  const bool is_direct = (instruction & 0xfc000000) == 0x94000000;
  const bool is_by_register = (instruction & 0xfffffc1f) == 0xd63f0000;
  const bool is_authenticated = (instruction & 0xfefff800) == 0xd63f0800;  // blraa, blrab, blraaz, blrabz
  return is_direct || is_by_register || is_authenticated;
}

std::uintptr_t function_called_before(std::uintptr_t) noexcept { return 0; }

bool is_signal_return(std::uintptr_t pc) noexcept {
  constexpr std::uint32_t kSetNumber = 0xd2801168, kSystemCall = 0xd4000001;  // mov x8, #139; svc #0
  if (!can_ask() || pc % 4 != 0 || !can_read(pc) || !can_read(pc + 4)) return false;
  return instruction_at(pc) == kSetNumber && instruction_at(pc + 4) == kSystemCall;
}

}  // namespace leakdir
