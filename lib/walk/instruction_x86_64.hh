// SPDX-License-Identifier: BSL-1.0
//
// How long an instruction of x86-64 is, and which parts it has: as much as is needed to go along code (by_code.hh).
// "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 2, chapter 2 and appendix A.

#pragma once

#include <cstdint>

namespace leakdir {

enum class OpcodeMap : std::uint8_t { kOneByte, kTwoBytes, kOther };

struct Instruction {
  std::uintptr_t next;  // where the next one begins
  OpcodeMap map;        // one byte; 0f and another; longer
  std::uint8_t opcode;  // the last byte of it
  std::uint8_t rex;     // 0: none
  std::uint8_t modrm;   // 0 where there is none
  bool has_modrm;
  std::int64_t immediate;  // with its sign; of a jump the distance from `next`
  std::int32_t displacement;
  bool is_at_sp;  // the operand in memory is at rsp + displacement

  bool is_one_byte(std::uint8_t wanted) const { return map == OpcodeMap::kOneByte && opcode == wanted; }
  // The two registers of a ModRM byte; the second only where it says that it is one.
  unsigned reg() const { return (modrm >> 3 & 7) | (rex & 4u) << 1; }
  unsigned rm() const { return (modrm & 7) | (rex & 1u) << 3; }
  bool has_rm_register() const { return has_modrm && modrm >> 6 == 3; }
  std::uintptr_t target() const { return next + static_cast<std::uintptr_t>(immediate); }
};

// False: not one of those that compilers make for x86-64 without AVX.
[[nodiscard]] bool read_instruction(std::uintptr_t start, Instruction* into) noexcept;

}  // namespace leakdir
