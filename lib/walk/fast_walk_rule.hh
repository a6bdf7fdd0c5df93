// SPDX-License-Identifier: BSL-1.0
//
// What the walk needs to know of one return address, in some 30 bits, and the process-wide cache of these rules.
//
// step.cc reads and fills it. An entry is one 64-bit word that holds both the address and its rule, so
// any thread or handler sees a whole rule or none, and no order between entries matters: no lock, no sequence numbers.
// A lost or displaced entry costs one more search of the tables.

#pragma once

#include <atomic>
#include <cstdint>

#include "system/base.hh"
#if defined(LEAKDIR_HAS_LINK_REGISTER)
#include "rule_link_register.hh"
#else
#include "rule_pushed_address.hh"
#endif

namespace leakdir {

class RuleCache {
 public:
  // Whether the cache can hold a rule of this return address.
  static constexpr bool holds(std::uint64_t pc) {
    constexpr std::uint64_t kZeros = (std::uint64_t{1} << Rule::kAddressZeros) - 1;
    return pc >> Rule::kAddressZeros >> Rule::kAddressBits == 0 && (pc & kZeros) == 0;
  }

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
  static_assert(Rule::kAddressBits - kSetBits + Rule::kBits == 64);

  // An odd factor makes a one-to-one map of the numbers of so many bits: set and tag together are the address.
  static constexpr std::uint64_t mix(std::uint64_t pc) {
    return ((pc >> Rule::kAddressZeros) * 0x9e3779b97f4a7c15u) & ((std::uint64_t{1} << Rule::kAddressBits) - 1);
  }
  static constexpr std::uint64_t set_of(std::uint64_t mixed) {
    return (mixed >> (Rule::kAddressBits - kSetBits)) * kWays;
  }

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
