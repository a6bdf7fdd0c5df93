// SPDX-License-Identifier: BSL-1.0
//
// A hash table of 64-bit slots that any number of threads, and handlers that interrupt them, use at once without a
// lock, and that grows without moving anything: when no bucket has room, a larger level is added beside the others, and
// a look-up asks the levels one after the other, a cache line each. Slots are words that the caller gives a meaning; 0
// is free. The memory comes from mmap, and is not given back while anybody may use it.
//
// The index of nodes is made of it: (parent, pc) -> node (stack_table.cc).

#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base.hh"
#include "own_memory.hh"
#include "sys.hh"

namespace leakdir {

// FirstSlots: of the smallest level, a power of two. GrowthShift: each level is 2^GrowthShift times the one before.
// In a forked child, what its parent has put into it may be left behind, and it begins small.
template <unsigned FirstSlots, unsigned GrowthShift, unsigned Levels>
class ProbeTable {
 public:
  using Slot = std::atomic<std::uint64_t>;
  static constexpr unsigned kBucketSlots = 8;  // a cache line

  // The slot for which `is_it(word)` holds, or null. Newest level first.
  template <typename IsIt>
  Slot* find(std::uint64_t hash, IsIt is_it) const {
    for (unsigned level = levels_.load(std::memory_order_acquire); level > 0; --level) {
      Slot* bucket = bucket_of(level - 1, hash);
      for (unsigned i = 0; i < kBucketSlots; ++i) {
        const std::uint64_t word = bucket[i].load(std::memory_order_acquire);
        if (word != 0 && is_it(word)) return &bucket[i];
      }
    }
    return nullptr;
  }

  // Puts `word` into a free slot. False when there is no memory for another level.
  bool insert(std::uint64_t hash, std::uint64_t word) {
    for (;;) {
      const unsigned levels = levels_.load(std::memory_order_acquire);
      for (unsigned level = levels; level > 0; --level) {
        Slot* bucket = bucket_of(level - 1, hash);
        for (unsigned i = 0; i < kBucketSlots; ++i) {
          std::uint64_t free = 0;
          if (bucket[i].load(std::memory_order_relaxed) == 0 &&
              bucket[i].compare_exchange_strong(free, word, std::memory_order_release)) {
            return true;
          }
        }
      }
      if (!add_level(levels)) return false;
    }
  }

  // Nobody else may use it meanwhile. What a table has that was not small is left to itself: most of that memory was
  // never the child's own. A small one is given back, or each generation of children would have one more.
  void begin_small() {
    static_assert(FirstSlots >> kSmaller >= kBucketSlots);
    for (unsigned level = 0; level < Levels; ++level) {
      Slot* const slots = level_[level].exchange(nullptr, std::memory_order_relaxed);
      if (slots == nullptr || smaller_ == 0) continue;
      memory_is_given_back(slots);
      sys::unmap(slots, slots_in(level) * sizeof(Slot));
    }
    smaller_ = kSmaller;
    levels_.store(0, std::memory_order_release);
  }

 private:
  static constexpr unsigned kSmaller = 2;  // so many bits: the first level of nodes takes one page then
  std::size_t slots_in(unsigned level) const { return std::size_t{FirstSlots} << level * GrowthShift >> smaller_; }

  Slot* bucket_of(unsigned level, std::uint64_t hash) const {
    const std::size_t buckets = slots_in(level) / kBucketSlots;
    return level_[level].load(std::memory_order_relaxed) + (hash & (buckets - 1)) * kBucketSlots;
  }

  LEAKDIR_SLOW bool add_level(unsigned levels) {
    if (levels != levels_.load(std::memory_order_acquire)) return true;  // somebody else did
    if (levels == Levels) return false;
    const std::size_t bytes = slots_in(levels) * sizeof(Slot);
    void* memory = sys::map_private(bytes);
    if (memory == nullptr) return levels_.load(std::memory_order_acquire) != levels;
    Slot* none = nullptr;
    if (level_[levels].compare_exchange_strong(none, static_cast<Slot*>(memory), std::memory_order_release)) {
      memory_is_own(memory, bytes);
      levels_.store(levels + 1, std::memory_order_release);
    } else {
      sys::unmap(memory, bytes);
      // Killed or interrupted between the two stores above: whoever comes next makes the level count.
      unsigned expected = levels;
      levels_.compare_exchange_strong(expected, levels + 1, std::memory_order_release);
    }
    return true;
  }

  unsigned smaller_ = 0;
  std::atomic<unsigned> levels_{0};
  std::atomic<Slot*> level_[Levels] = {};
};

// Spreads the bits of a key over the hash.
constexpr std::uint64_t mix(std::uint64_t key) {
  key ^= key >> 32;
  key *= 0x9e3779b97f4a7c15;
  key ^= key >> 29;
  return key;
}

}  // namespace leakdir
