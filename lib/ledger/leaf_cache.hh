// SPDX-License-Identifier: BSL-1.0
//
// What a thread remembers of the index (address_map.hh). All zero at first, then prepare().

#pragma once

#include <atomic>
#include <cstdint>

namespace leakdir {

// The leaves that a thread has used last: to find one again costs one comparison. Leaves never go away. A handler that
// interrupts the thread in a hook must not touch it.
struct LeafCache {
  static constexpr unsigned kLeaves = 8;
  struct Known {
    std::uint64_t number;
    std::atomic<std::uint32_t>* leaf;
  };
  Known known[kLeaves];
  // All zero would say that leaf 0 is known, and nowhere.
  void prepare() {
    if (known[0].leaf == nullptr) known[0].number = UINT64_MAX;
  }
};

}  // namespace leakdir
