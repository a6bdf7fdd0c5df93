// SPDX-License-Identifier: BSL-1.0
#include "base/sort_nearly_sorted.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace leakdir::tool {
namespace {

std::vector<unsigned> sorted(std::vector<unsigned> list) {
  sort_nearly_sorted(list, [](unsigned a, unsigned b) { return a < b; });
  return list;
}

TEST(SortNearlySorted, GivesWhatSortingGives) {
  std::mt19937 random(4711);
  for (unsigned count : {0u, 1u, 2u, 3u, 31u, 32u, 33u, 1000u})
    for (unsigned out_of_place : {0u, 1u, 2u, 5u, 60u, 70u, 500u}) {
      SCOPED_TRACE(std::to_string(count) + " of which " + std::to_string(out_of_place) + " out of place");
      std::vector<unsigned> list(count);
      for (unsigned i = 0; i < count; ++i) list[i] = i / 2 * 2;  // some are equal
      for (unsigned i = 0; i < out_of_place && count != 0; ++i)
        std::swap(list[random() % count], list[random() % count]);
      std::vector<unsigned> expected = list;
      std::sort(expected.begin(), expected.end());
      EXPECT_EQ(sorted(list), expected);
      std::reverse(list.begin(), list.end());
      EXPECT_EQ(sorted(list), expected);
    }
}

TEST(SortNearlySorted, OneThatComesFarTooEarlyOrTooLateIsOneThatIsOutOfPlace) {
  std::vector<unsigned> list(1000);
  for (unsigned i = 0; i < list.size(); ++i) list[i] = i + 1;
  list[2] = 5000, list[990] = 0;
  std::vector<unsigned> expected = list;
  std::sort(expected.begin(), expected.end());
  unsigned compared = 0;
  sort_nearly_sorted(list, [&](unsigned a, unsigned b) { return ++compared, a < b; });
  EXPECT_EQ(list, expected);
  EXPECT_LT(compared, 5 * list.size());  // sorting takes more than twice as many
}

}  // namespace
}  // namespace leakdir::tool
