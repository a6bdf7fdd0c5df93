// SPDX-License-Identifier: BSL-1.0
//
// The numbers that the option `sample` draws. The seeds are fixed: what is seen here is the same in every run.

#include "track/exponential.hh"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace leakdir {
namespace {

// In how many standard deviations `seen` of `tries` differ from what is expected with this probability.
double deviations(double seen, double tries, double probability) {
  return (seen - tries * probability) / std::sqrt(tries * probability * (1 - probability));
}

class Draws : public testing::TestWithParam<std::uint32_t> {};

TEST_P(Draws, AreExponentialAtEachSize) {
  const std::uint32_t mean = GetParam();
  constexpr int kDraws = 4000000;
  // As many bytes as a block may have, and as many times the mean as draws go up to.
  const std::vector<double> sizes = {1,          9,          17,         101,        1001,
                                     10001,      mean * 0.1, mean * 0.5, mean * 0.7, mean * 1.0,
                                     mean * 1.4, mean * 2.0, mean * 5.0, mean * 9.0};
  std::vector<int> below(sizes.size());
  std::uint64_t seed = 20261128;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto drawn = static_cast<double>(draw_exponential(seed, mean));
    sum += drawn;
    for (std::size_t j = 0; j < sizes.size(); ++j) below[j] += drawn < sizes[j];
  }
  for (std::size_t j = 0; j < sizes.size(); ++j) {
    const double size = std::ceil(sizes[j]), probability = -std::expm1(-size / mean);
    if (kDraws * (1 - probability) < 10) continue;
    EXPECT_LT(std::abs(deviations(below[j], kDraws, probability)), 3.5) << sizes[j];
  }
  const double expected = 1 / std::expm1(1.0 / mean);  // of whole numbers, rounded down
  EXPECT_LT(std::abs(sum / kDraws - expected), 3.5 * mean / std::sqrt(kDraws));
}

TEST_P(Draws, FollowEachOtherIndependently) {
  const std::uint32_t mean = GetParam();
  std::uint64_t seed = 4711;
  std::array<std::array<double, 2>, 2> pairs = {};
  constexpr int kDraws = 1000000;
  bool was_short = draw_exponential(seed, mean) < mean;
  for (int i = 0; i < kDraws; ++i) {
    const bool is_short = draw_exponential(seed, mean) < mean;
    ++pairs[was_short ? 1 : 0][is_short ? 1 : 0];
    was_short = is_short;
  }
  const double is_short = -std::expm1(-1.0);
  EXPECT_LT(std::abs(deviations(pairs[1][1], kDraws, is_short * is_short)), 4);
  EXPECT_LT(std::abs(deviations(pairs[0][0], kDraws, (1 - is_short) * (1 - is_short))), 4);
}

INSTANTIATE_TEST_SUITE_P(Means, Draws, testing::Values(4096, 65536, 524288, 1u << 30));

TEST(Draw, OfOneByteIsMostlyNone) {
  std::uint64_t seed = 1;
  int none = 0;
  for (int i = 0; i < 100000; ++i) none += draw_exponential(seed, 1) == 0;
  EXPECT_LT(std::abs(deviations(none, 100000, -std::expm1(-1.0))), 3.5);
}

TEST(Draw, GoesFarBeyondTheMeanNowAndThen) {
  std::uint64_t seed = 7, longest = 0;
  for (int i = 0; i < 1000000; ++i) longest = std::max(longest, draw_exponential(seed, 1u << 30));
  EXPECT_GT(longest, std::uint64_t{10} << 30);
  EXPECT_LT(longest, std::uint64_t{30} << 30);
}

#ifdef __SIZEOF_INT128__
TEST(PartOf, IsTheUpperHalfOfTheProduct) {
  __extension__ using Wide = unsigned __int128;
  std::uint64_t seed = 3;
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t fraction = random_bits(seed);
    const auto number = static_cast<std::uint32_t>(random_bits(seed) >> (32 + i % 32));
    ASSERT_EQ(part_of(fraction, number), static_cast<std::uint64_t>(Wide{fraction} * number >> 64));
  }
  EXPECT_EQ(part_of(UINT64_MAX, UINT32_MAX), UINT32_MAX - std::uint64_t{1});
}
#endif

// A process that allocates the same blocks in each of 200 runs, and what the recorded ones of them stand for.
TEST(Sample, IsUnbiased) {
  constexpr int kRuns = 200;
  constexpr double kMean = 524288;
  const std::vector<std::pair<std::uint64_t, int>> blocks = {{8, 30000},   {100, 10000}, {4000, 1000},
                                                             {60000, 100}, {1 << 20, 6}, {4 << 20, 2}};
  double true_bytes = 0, variance = 0, true_blocks = 0, variance_of_blocks = 0;
  for (const auto& [size, count] : blocks) {
    const double stands_for = -1 / std::expm1(-static_cast<double>(size + 1) / kMean),
                 bytes = static_cast<double>(size);
    true_bytes += bytes * count;
    variance += bytes * bytes * count * (stands_for - 1);
    true_blocks += count;
    variance_of_blocks += count * (stands_for - 1);
  }
  std::uint64_t seed = 20261128;
  double sum = 0, sum_of_blocks = 0;
  for (int run = 0; run < kRuns; ++run) {
    auto left = static_cast<std::int64_t>(draw_exponential(seed, static_cast<std::uint32_t>(kMean)));
    for (const auto& [size, count] : blocks) {
      for (int i = 0; i < count; ++i) {
        left -= static_cast<std::int64_t>(size + 1);
        if (left >= 0) continue;
        left = static_cast<std::int64_t>(draw_exponential(seed, static_cast<std::uint32_t>(kMean)));
        const double stands_for = -1 / std::expm1(-static_cast<double>(size + 1) / kMean);
        sum += static_cast<double>(size) * stands_for;
        sum_of_blocks += stands_for;
      }
    }
  }
  EXPECT_LT(std::abs(sum / kRuns - true_bytes), 3 * std::sqrt(variance / kRuns));
  EXPECT_LT(std::abs(sum_of_blocks / kRuns - true_blocks), 3 * std::sqrt(variance_of_blocks / kRuns));
}

}  // namespace
}  // namespace leakdir
