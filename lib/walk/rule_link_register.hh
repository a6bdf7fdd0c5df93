// SPDX-License-Identifier: BSL-1.0
//
// A rule where a call leaves the return address in a register: the function puts it wherever in its frame it likes,
// most often beside its caller's frame pointer. For arm64 and riscv64. Included by fast_walk_rule.hh alone.

#pragma once

#include <cstdint>

#include "rule_kind.hh"

namespace leakdir {

// From the lowest bit on: the kind, 3 bits; whether the return address is signed, 1; where the caller's bp is saved, in
// words from the return address + 4, 3 (0: nowhere, it is unchanged); whether the place of the return address counts
// upwards from the register that the frame is found by, or downwards from the frame's beginning, 1; how many words, 7;
// the offset / 16, 16: the stack pointer is a multiple of 16.
class Rule {
 public:
  static constexpr unsigned kBits = 31;
  static constexpr std::uint32_t kMaxOffsetUnits = (1u << 16) - 1;
  static constexpr std::uint32_t kMaxAddressWords = (1u << 7) - 1;
  static constexpr std::int64_t kUnit = 16;
  static constexpr std::int64_t kWordBytes = 8;
  static constexpr std::int64_t kMostBpWords = 3;  // away from the return address

  // The return addresses that the cache can hold. Of arm64's 48 bits are the program's, unless it asks for more, and
  // instructions have four bytes; of riscv64's 47, and two bytes.
  static constexpr unsigned kAddressBits = 46;
#if defined(__riscv)
  static constexpr unsigned kAddressZeros = 1;
#else
  static constexpr unsigned kAddressZeros = 2;
#endif
  static constexpr bool kHasLinkRegister = true;

  constexpr Rule() = default;
  explicit constexpr Rule(std::uint32_t bits) : bits_(bits) {}
  // One that says no more than its kind, or where the frame begins; the return address right below it.
  constexpr Rule(RuleKind kind, std::uint32_t offset_units, std::uint32_t)
      : bits_(static_cast<std::uint32_t>(kind) | 1u << kWordsShift | offset_units << kOffsetShift) {}

  // The frame begins at register + offset; below that the return address and, if it is not 0, the caller's bp are saved
  // at these distances. RuleKind::kNone: it cannot be said.
  static constexpr Rule of(RuleKind kind, std::int64_t offset, std::int64_t address_offset, std::int64_t bp_offset,
                           bool is_signed) {
    if (offset < 0 || offset % kUnit != 0 || offset / kUnit > std::int64_t{kMaxOffsetUnits}) return Rule();
    if (address_offset < kWordBytes || address_offset % kWordBytes != 0) return Rule();
    const std::int64_t most = std::int64_t{kMaxAddressWords} * kWordBytes;
    const bool is_from_register = address_offset > most;
    const std::int64_t place = is_from_register ? offset - address_offset : address_offset;
    if (place < 0 || place > most) return Rule();
    std::int64_t bp = 0;
    if (bp_offset != 0) {
      const std::int64_t words = (address_offset - bp_offset) / kWordBytes;
      if (bp_offset < kWordBytes || bp_offset % kWordBytes != 0 || words == 0 || words > kMostBpWords ||
          words < -kMostBpWords) {
        return Rule();
      }
      bp = words + kBpBias;
    }
    return Rule(static_cast<std::uint32_t>(kind) | std::uint32_t{is_signed} << kSignedShift |
                static_cast<std::uint32_t>(bp) << kBpShift | std::uint32_t{is_from_register} << kFromShift |
                static_cast<std::uint32_t>(place / kWordBytes) << kWordsShift |
                static_cast<std::uint32_t>(offset / kUnit) << kOffsetShift);
  }

  constexpr std::uint32_t bits() const { return bits_; }
  constexpr RuleKind kind() const { return static_cast<RuleKind>(bits_ & 7); }
  constexpr bool is_signed() const { return (bits_ >> kSignedShift & 1) != 0; }
  constexpr std::uintptr_t offset() const { return std::uintptr_t{bits_ >> kOffsetShift} * kUnit; }
  // How far below the caller's frame its return address lies, and its bp; 0: that is not saved.
  constexpr std::uintptr_t address_offset() const {
    const std::uintptr_t place = std::uintptr_t{bits_ >> kWordsShift & kMaxAddressWords} * kWordBytes;
    return (bits_ >> kFromShift & 1) != 0 ? offset() - place : place;
  }
  constexpr std::uintptr_t bp_offset() const {
    const std::uintptr_t bp = bits_ >> kBpShift & 7;
    return bp == 0 ? 0 : address_offset() - (bp - kBpBias) * kWordBytes;
  }

 private:
  static constexpr unsigned kSignedShift = 3, kBpShift = 4, kFromShift = 7, kWordsShift = 8, kOffsetShift = 15;
  static constexpr std::int64_t kBpBias = 4;

  std::uint32_t bits_ = 0;
};

}  // namespace leakdir
