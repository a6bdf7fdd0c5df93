// SPDX-License-Identifier: BSL-1.0
#include "nearest.hh"

#include <algorithm>
#include <cstddef>

namespace leakdir::tool {

namespace {

constexpr std::size_t kMostLetters = 64;  // of what is worth comparing

// Optimal string alignment: three rows of its table are enough.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before_last, last(to.size() + 1), row(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    before_last = last;
    last = row;
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[to.size()];
}

}  // namespace

std::string nearest_to(std::string_view word, const std::vector<std::string>& words) {
  std::string nearest;
  if (word.size() > kMostLetters) return nearest;
  std::size_t least = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const auto& other : words) {
    const std::size_t changes = distance(word, other);
    if (changes >= least) continue;
    least = changes;
    nearest = other;
  }
  return nearest;
}

}  // namespace leakdir::tool
