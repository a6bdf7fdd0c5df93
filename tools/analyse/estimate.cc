// SPDX-License-Identifier: BSL-1.0
#include "estimate.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/words.hh"

namespace leakdir::tool {

namespace {

std::uint64_t whole(double number) {
  constexpr double kMost = 9.2e18;  // what a damaged ledger adds up to may be of any size
  return static_cast<std::uint64_t>(std::llround(std::clamp(number, 0.0, kMost)));
}

}  // namespace

double stands_for(const Block& block) {
  if (block.sample_bytes == 0) return 1;
  return -1 / std::expm1(-(static_cast<double>(block.size) + 1) / block.sample_bytes);
}

void Estimate::add_sampled(const Block& block) {
  const double times = stands_for(block), size = static_cast<double>(block.size);
  blocks += times;
  bytes += times * size;
  variance += times * (times - 1) * size * size;
}

Estimate& Estimate::operator+=(const Estimate& other) {
  blocks += other.blocks;
  bytes += other.bytes;
  variance += other.variance;
  return *this;
}

Estimate& Estimate::operator-=(const Estimate& other) {
  blocks -= other.blocks;
  bytes -= other.bytes;
  variance -= other.variance;
  return *this;
}

std::uint64_t Estimate::whole_blocks() const { return whole(blocks); }
std::uint64_t Estimate::whole_bytes() const { return whole(bytes); }
std::uint64_t Estimate::deviation() const { return whole(std::sqrt(std::max(variance, 0.0))); }

std::string in_words(const Estimate& estimate) {
  return fmt::format("{}, {}, give or take {}", count_of(estimate.whole_blocks(), "block"),
                     bytes_of(estimate.whole_bytes()), bytes_of(estimate.deviation()));
}

}  // namespace leakdir::tool
