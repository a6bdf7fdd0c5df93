// SPDX-License-Identifier: BSL-1.0
//
// What the blocks of a sample stand for: each was recorded with a known probability, by itself, and counts as many
// times as that goes into one (Horvitz and Thompson). Where every block was recorded, each stands for itself.

#pragma once

#include <cstdint>
#include <string>

#include "load/snapshot.hh"

namespace leakdir::tool {

// How many blocks of its size this one stands for.
double stands_for(const Block& block);

struct Estimate {
  double blocks = 0, bytes = 0;
  double variance = 0;  // of the bytes, as far as the sample tells it

  void add(const Block& block) {
    if (block.sample_bytes != 0) return add_sampled(block);
    blocks += 1;
    bytes += static_cast<double>(block.size);
  }
  Estimate& operator+=(const Estimate& other);
  Estimate& operator-=(const Estimate& other);

  std::uint64_t whole_blocks() const;
  std::uint64_t whole_bytes() const;
  // The standard deviation of the bytes: two thirds of all samples are closer to the truth than that.
  std::uint64_t deviation() const;

 private:
  void add_sampled(const Block& block);
};

// "20040 blocks, 60120000 bytes (57.3 MiB), give or take 2000000 bytes (1.9 MiB)"
std::string in_words(const Estimate& estimate);

}  // namespace leakdir::tool
