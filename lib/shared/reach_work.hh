// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 3: which blocks are still to be read. Handed out by rising addresses, whatever the order in which
// they came: neighbours are read together then, and memory is gone through in its own order.

#pragma once

#include <cstdint>

#include "reach_blocks.hh"

namespace leakdir::reach {

// A bit for each block; above 64 words of bits a bit says which of them have any, and so on.
class WorkList {
 public:
  // `take(bytes)` gives zero-filled memory, or null, for as long as this is used; false: it gave none.
  template <class Take>
  bool build(std::uint32_t count, Take take) {
    std::uint64_t words[kMostLevels], total = 0;
    levels_ = 0;
    for (std::uint64_t bits = count == 0 ? 1 : count;; bits = words[levels_ - 1]) {
      words[levels_] = (bits + 63) / 64;
      total += words[levels_++];
      if (words[levels_ - 1] == 1) break;
    }
    auto* at = static_cast<std::uint64_t*>(take(total * sizeof(std::uint64_t)));
    for (unsigned i = 0; at != nullptr && i < levels_; at += words[i++]) level_[i] = at;
    return at != nullptr;
  }

  void add(std::uint32_t block) {
    for (unsigned i = 0; i < levels_; ++i, block /= 64) {
      std::uint64_t& word = level_[i][block / 64];
      const std::uint64_t before = word;
      word |= std::uint64_t{1} << block % 64;
      if (before != 0) return;
    }
  }

  // Takes the first one from `block` on out of it; kNoBlock: there is none.
  std::uint32_t take_from(std::uint32_t block) {
    const std::uint32_t found = first_from(block);
    std::uint32_t number = found;
    for (unsigned i = 0; found != kNoBlock && i < levels_; ++i, number /= 64) {
      std::uint64_t& word = level_[i][number / 64];
      word &= ~(std::uint64_t{1} << number % 64);
      if (word != 0) break;
    }
    return found;
  }

  bool is_empty() const { return level_[levels_ - 1][0] == 0; }

 private:
  static constexpr unsigned kMostLevels = 6;  // of 64 times as many blocks each: 2^32

  std::uint32_t first_from(std::uint64_t block) const {
    // Up, until there is one behind; and down to the first of it.
    unsigned i = 0;
    std::uint64_t number = block;
    for (;; ++i) {
      if (i == levels_ || (i == levels_ - 1 && number >= 64)) return kNoBlock;
      const std::uint64_t rest = is_beyond(i, number) ? 0 : level_[i][number / 64] >> number % 64;
      if (rest != 0) {
        number += static_cast<unsigned>(__builtin_ctzll(rest));
        break;
      }
      number = number / 64 + 1;
    }
    while (i > 0) {
      --i;
      number = number * 64 + static_cast<unsigned>(__builtin_ctzll(level_[i][number]));
    }
    return static_cast<std::uint32_t>(number);
  }

  // Levels lie one behind another: a number behind the last of one would be of the next.
  bool is_beyond(unsigned level, std::uint64_t number) const {
    return level + 1 < levels_ && level_[level] + number / 64 >= level_[level + 1];
  }

  std::uint64_t* level_[kMostLevels] = {};
  unsigned levels_ = 0;
};

}  // namespace leakdir::reach
