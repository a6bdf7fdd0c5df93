// SPDX-License-Identifier: BSL-1.0
//
// A rule where a call pushes the return address: it lies right below the caller's frame. For x86-64, and as good as any
// for processors without a fast walk. Included by fast_walk_rule.hh alone.

#pragma once

#include <cstdint>

#include "rule_kind.hh"

namespace leakdir {

// kind: 3 bits; bp_words: 10 bits, the caller's bp is saved at the frame's beginning - 8 * bp_words, 0: nowhere, it is
// unchanged; offset_words: 17 bits, the offset / 8.
class Rule {
 public:
  static constexpr unsigned kBits = 30;
  static constexpr std::uint32_t kMaxOffsetWords = (1u << 17) - 1;
  static constexpr std::uint32_t kMaxBpWords = (1u << 10) - 1;

  // The return addresses that the cache can hold: those of the lower half of the address space.
  static constexpr unsigned kAddressBits = 47;
  static constexpr unsigned kAddressZeros = 0;  // low bits that are always 0
  // Whether a return address lies anywhere but right below the caller's frame, and may be signed.
  static constexpr bool kHasLinkRegister = false;

  constexpr Rule() = default;
  explicit constexpr Rule(std::uint32_t bits) : bits_(bits) {}
  constexpr Rule(RuleKind kind, std::uint32_t offset_words, std::uint32_t bp_words)
      : bits_(static_cast<std::uint32_t>(kind) | bp_words << 3 | offset_words << 13) {}

  constexpr std::uint32_t bits() const { return bits_; }
  constexpr RuleKind kind() const { return static_cast<RuleKind>(bits_ & 7); }
  constexpr std::uintptr_t bp_offset() const { return bits_ & (kMaxBpWords << 3); }
  constexpr std::uintptr_t offset() const { return std::uintptr_t{bits_ >> 13} << 3; }
  // How far below the caller's frame its return address lies. (Elsewhere it depends on the rule.)
  // NOLINTBEGIN(readability-convert-member-functions-to-static)
  constexpr std::uintptr_t address_offset() const { return sizeof(std::uintptr_t); }
  constexpr bool is_signed() const { return false; }
  // NOLINTEND(readability-convert-member-functions-to-static)

 private:
  std::uint32_t bits_ = 0;
};

}  // namespace leakdir
