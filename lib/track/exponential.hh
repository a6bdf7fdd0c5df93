// SPDX-License-Identifier: BSL-1.0
//
// Numbers at random, exponentially distributed: the distance to the next event of a Poisson process. Pure functions in
// whole numbers, so that a hook, or a handler that has interrupted anything, may call them.

#pragma once

#include <cstdint>

namespace leakdir {

// 64 random bits; the seed, which may be any number, goes on to the next (Steele, Lea and Flood, SplitMix64).
inline std::uint64_t random_bits(std::uint64_t& seed) {
  std::uint64_t bits = seed += 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  return bits ^ bits >> 31;
}

// fraction * number, rounded down; fractions are those of 2^64.
constexpr std::uint64_t part_of(std::uint64_t fraction, std::uint32_t number) {
  const std::uint64_t low = (fraction & 0xffffffff) * number;
  return ((fraction >> 32) * number + (low >> 32)) >> 32;
}

// The number of whole units before the next event, where `mean` of them lie between two on average: n or more with the
// probability exp(-n / mean). Algorithm S of Knuth's (The Art of Computer Programming, 3.4.1), which needs no
// logarithm. It takes how often ln 2 is in the number by throwing a coin, and what is left over from numbers between 0
// and 1.
inline std::uint64_t draw_exponential(std::uint64_t& seed, std::uint32_t mean) {
  // ln 2, ln 2 + (ln 2)^2 / 2!, ln 2 + (ln 2)^2 / 2! + (ln 2)^3 / 3!, …
  constexpr std::uint64_t kSums[] = {0xb17217f7d1cf79ab, 0xeef193f6d75a96fc, 0xfd27186259aaf6c2, 0xff9d6dd050f4c5a7,
                                     0xfff4cfcfef1e626b, 0xfffee81886e1c62f, 0xffffe7fe850e0bb5, 0xfffffe2a8731b17d,
                                     0xffffffdfac6eeadc, 0xfffffffdf9640067, 0xffffffffe22ec79c, 0xfffffffffe6a9ded};
  constexpr std::uint64_t kLn2 = kSums[0], kLn2Of32 = kLn2 >> 32;
  std::uint64_t left_over = random_bits(seed);
  if (left_over >= kLn2) {
    std::uint64_t smallest = random_bits(seed);
    unsigned numbers = 1;
    do {
      const std::uint64_t another = random_bits(seed);
      if (another < smallest) smallest = another;
      ++numbers;
    } while (numbers <= sizeof kSums / sizeof kSums[0] && left_over >= kSums[numbers - 1]);
    left_over = (smallest >> 32) * kLn2Of32 + ((smallest & 0xffffffff) * kLn2Of32 >> 32);
  }
  std::uint64_t whole = 0;
  for (std::uint64_t coins = random_bits(seed); coins >> 63 != 0; coins <<= 1) {
    left_over += kLn2;
    if (left_over < kLn2) ++whole;
  }
  return whole * mean + part_of(left_over, mean);
}

}  // namespace leakdir
