// SPDX-License-Identifier: BSL-1.0
//
// What the walk needs to know of one return address, in 30 bits, and the process-wide cache of these rules.
//
// fast_walk_<processor>.cc reads and fills it. An entry is one 64-bit word that holds both the address and its rule, so
// any thread or handler sees a whole rule or none, and no order between entries matters: no lock, no sequence numbers.
// A lost or displaced entry costs one more search of the tables.

#pragma once

#include <atomic>
#include <cstdint>

#include "system/base.hh"

namespace leakdir {

enum class RuleKind : std::uint32_t {
  kNone = 0,
  kFromSp = 1,     // the caller's frame begins at sp + offset
  kFromBp = 2,     // … at bp + offset
  kThroughBp = 3,  // … at the address that bp - offset holds, and bp was saved at bp
  kEnd = 4,        // the outermost frame
  kCannot = 5,     // for Boost
  kNoTable = 6,    // nothing is said of this code
  kByCode = 7,     // as kFromSp, if what called the function says so too (by_code.hh)
};

// kind: 3 bits; bp_words: 10 bits, the caller's bp is saved at the frame's beginning - 8 * bp_words, 0: nowhere, it is
// unchanged; offset_words: 17 bits, the offset / 8.
class Rule {
 public:
  static constexpr unsigned kBits = 30;
  static constexpr std::uint32_t kMaxOffsetWords = (1u << 17) - 1;
  static constexpr std::uint32_t kMaxBpWords = (1u << 10) - 1;

  constexpr Rule() = default;
  explicit constexpr Rule(std::uint32_t bits) : bits_(bits) {}
  constexpr Rule(RuleKind kind, std::uint32_t offset_words, std::uint32_t bp_words)
      : bits_(static_cast<std::uint32_t>(kind) | bp_words << 3 | offset_words << 13) {}

  constexpr std::uint32_t bits() const { return bits_; }
  constexpr RuleKind kind() const { return static_cast<RuleKind>(bits_ & 7); }
  constexpr std::uintptr_t bp_offset() const { return bits_ & (kMaxBpWords << 3); }
  constexpr std::uintptr_t offset() const { return std::uintptr_t{bits_ >> 13} << 3; }

 private:
  std::uint32_t bits_ = 0;
};

class RuleCache {
 public:
  // A code address that the cache can hold: the lower half of the address space.
  static constexpr unsigned kAddressBits = 47;
  static constexpr bool holds(std::uint64_t pc) { return pc >> kAddressBits == 0; }

  // RuleKind::kNone where there is none.
  Rule find(std::uint64_t pc) const noexcept {
    const std::uint64_t mixed = mix(pc);
    const auto* ways = &words_[set_of(mixed)];
    const std::uint64_t tag = mixed << Rule::kBits;
    for (unsigned way = 0; way < kWays; ++way) {
      const std::uint64_t word = ways[way].load(std::memory_order_relaxed) ^ tag;
      if (word >> Rule::kBits == 0) return Rule(static_cast<std::uint32_t>(word));
    }
    return Rule();
  }

  void add(std::uint64_t pc, Rule rule) noexcept;
  void clear() noexcept;

 private:
  // 32 768 entries, 256 KiB that are touched as far as they are used.
  static constexpr unsigned kSetBits = 13;
  static constexpr unsigned kWays = 4;
  static_assert(kAddressBits - kSetBits + Rule::kBits == 64);

  // An odd factor makes a one-to-one map of the 47-bit numbers: set and tag together are the address.
  static constexpr std::uint64_t mix(std::uint64_t pc) {
    return (pc * 0x9e3779b97f4a7c15u) & ((std::uint64_t{1} << kAddressBits) - 1);
  }
  static constexpr std::uint64_t set_of(std::uint64_t mixed) { return (mixed >> (kAddressBits - kSetBits)) * kWays; }

  alignas(64) std::atomic<std::uint64_t> words_[kWays << kSetBits];
};

// Of the whole process, empty (all zero) at first: no constructor runs, as the first walk may come before those.
LEAKDIR_OURS extern RuleCache g_rules;

// Grows by one with each fast_walk_forget: runs of another generation are not to be trusted.
LEAKDIR_OURS extern std::atomic<std::uintptr_t> g_walk_generation;

// Where the dynamic loader's code lies; 0 bytes until find_loader() found it, and in a static program.
LEAKDIR_OURS extern std::atomic<std::uintptr_t> g_loader_begin;
LEAKDIR_OURS extern std::atomic<std::uintptr_t> g_loader_bytes;
void find_loader() noexcept;

inline bool is_loader(std::uintptr_t pc) noexcept {
  return pc - g_loader_begin.load(std::memory_order_relaxed) < g_loader_bytes.load(std::memory_order_relaxed);
}

// A walk begins in the loader: it allocates. Forgets all rules if a library was unloaded since the last time. The
// loader allocates for a new library before it maps it, so no rule of an old one survives at the addresses of a new
// one. Takes the loader's lock for its list of modules, which this thread may hold already.
void loader_allocates() noexcept;

// fast_walk_tables_gone() was called.
bool tables_are_gone() noexcept;

}  // namespace leakdir
