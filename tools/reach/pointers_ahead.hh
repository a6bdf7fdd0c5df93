// SPDX-License-Identifier: BSL-1.0
//
// Which block leads to which, read before anybody asks: all blocks by rising addresses, in large pieces, by several
// threads. Whoever follows pointers (lib/shared/reach_mark.hh) would read them in the order in which they lead to each
// other, block by block; out of another process the kernel copies a large piece several times as quickly.
//
// What is kept is a word for each pointer, and a word for each block. Where that would be more than there is room for,
// and where memory could not be read, nothing is known of a block, and it has to be read.

#pragma once

#include <cstdint>
#include <vector>

#include "memory.hh"
#include "reach_blocks.hh"

namespace leakdir::tool {

class PointersAhead {
 public:
  // `pointer_bytes`: 4 or 8. `most_bytes`: of memory for what is kept. While it runs nothing else reads `memory`.
  void read(const reach::BlockTable& table, Memory& memory, unsigned pointer_bytes, std::uint64_t most_bytes);

  // Calls visit(to, offset) for each pointer in the block that leads to another, `offset` bytes behind its start.
  // False: nothing is known of the block.
  template <class Visit>
  bool for_each(std::uint32_t block, Visit visit) const {
    if (block / kBlocksOfPart >= parts_.size()) return false;
    const Part& part = parts_[block / kBlocksOfPart];
    const std::uint32_t* const begin = part.begin.data() + block % kBlocksOfPart;
    if (part.begin.empty() || (*begin & kNotKnown) != 0) return false;
    const std::uint32_t *at = part.words.data() + *begin, *const end = part.words.data() + (begin[1] & ~kNotKnown);
    while (at != end) {
      const std::uint32_t word = *at++;
      std::uint64_t offset = 0;
      if ((word & kIsInside) != 0) {
        offset = at[0] | std::uint64_t{at[1]} << 32;
        at += 2;
      }
      visit(word & ~kIsInside, offset);
    }
    return true;
  }

  static constexpr std::uint32_t kBlocksOfPart = 8192;
  static constexpr std::uint32_t kNotKnown = std::uint32_t{1} << 31;
  static constexpr std::uint32_t kIsInside = std::uint32_t{1} << 31;  // its offset follows, in two words

  // Blocks whose numbers follow one another.
  struct Part {
    std::vector<std::uint32_t> words;  // the numbers of the blocks that are led to
    std::vector<std::uint32_t> begin;  // for each block, and one more: where its words begin; kNotKnown
  };

 private:
  std::vector<Part> parts_;
};

}  // namespace leakdir::tool
