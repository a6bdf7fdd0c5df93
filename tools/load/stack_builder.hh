// SPDX-License-Identifier: BSL-1.0
//
// Fills Snapshot::frames and Snapshot::nodes so that each distinct frame, and each distinct pair of frame and parent,
// is there once, beside those that are there already. The loaders use it; it keeps the promises that snapshot.hh makes
// about the tree.

#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "snapshot.hh"

namespace leakdir::tool {

class StackBuilder {
 public:
  explicit StackBuilder(Snapshot& snapshot);

  std::uint32_t frame(std::uint64_t pc, std::uint32_t module, bool is_exact = false, bool by_frame_pointer = false);
  std::uint32_t place(const std::string& file, std::uint32_t line);
  std::uint32_t node(std::uint32_t frame, std::uint32_t parent);

 private:
  struct Key {
    std::uint64_t high, low;
    bool operator==(const Key& other) const { return high == other.high && low == other.low; }
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      std::uint64_t mixed = (key.high ^ (key.low * 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
      return mixed ^ mixed >> 32;
    }
  };

  static Key key_of(const Frame& frame);
  std::uint32_t add_frame(const Frame& frame);

  Snapshot& snapshot_;
  std::unordered_map<Key, std::uint32_t, KeyHash> frames_, nodes_;
  std::unordered_map<std::string, std::uint32_t> places_;
};

}  // namespace leakdir::tool
