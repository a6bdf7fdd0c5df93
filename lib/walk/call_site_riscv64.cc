// SPDX-License-Identifier: BSL-1.0
//
// Calls of riscv64: "The RISC-V Instruction Set Manual", volume I, JAL and JALR to ra, of four bytes, and C.JALR, of
// two.

#include "call_site.hh"
#include "fast_walk_reach.hh"

namespace leakdir {
namespace {

std::uint32_t half_at(std::uintptr_t pc) {
  return __atomic_load_n(reinterpret_cast<const std::uint16_t*>(pc), __ATOMIC_RELAXED);
}
std::uint32_t instruction_at(std::uintptr_t pc) { return half_at(pc) | half_at(pc + 2) << 16; }

}  // namespace

bool follows_call(std::uintptr_t pc) noexcept {
  if (!can_ask()) return true;
  if (pc % 2 != 0 || !can_read(pc - 2)) return false;
  const std::uint32_t half = half_at(pc - 2);
  const bool is_short = (half & 0xf07f) == 0x9002 && (half & 0x0f80) != 0;
  if (is_short) return true;
  if (!can_read(pc - 4)) return false;
  const std::uint32_t instruction = instruction_at(pc - 4);
  return (instruction & 0xfff) == 0x0ef || (instruction & 0x7fff) == 0x0e7;
}

std::uintptr_t function_called_before(std::uintptr_t) noexcept { return 0; }

bool is_signal_return(std::uintptr_t pc) noexcept {
  constexpr std::uint32_t kSetNumber = 0x08b00893, kSystemCall = 0x00000073;  // li a7, 139; ecall
  if (!can_ask() || pc % 2 != 0 || !can_read(pc) || !can_read(pc + 6)) return false;
  return instruction_at(pc) == kSetNumber && instruction_at(pc + 4) == kSystemCall;
}

}  // namespace leakdir
