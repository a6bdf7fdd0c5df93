// SPDX-License-Identifier: BSL-1.0
// The hash table of the nodes: what goes in is found, through all levels, from several threads at once.
#include "system/probe_table.hh"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

namespace leakdir {
namespace {

using Table = ProbeTable<64, 1, 14>;

Table::Slot* find(Table& table, std::uint64_t word) {
  return table.find(mix(word), [&](std::uint64_t w) { return w == word; });
}

TEST(ProbeTable, FindsWhatWasPutInThroughEveryLevel) {
  auto table = std::make_unique<Table>();
  constexpr std::uint64_t kWords = 100000;
  for (std::uint64_t w = 1; w <= kWords; ++w) ASSERT_TRUE(table->insert(mix(w), w));
  for (std::uint64_t w = 1; w <= kWords; ++w) ASSERT_NE(find(*table, w), nullptr) << w;
  EXPECT_EQ(find(*table, kWords + 1), nullptr);
}

TEST(ProbeTable, AFreedSlotIsUsedAgain) {
  auto table = std::make_unique<Table>();
  for (int round = 0; round < 10000; ++round) {
    const std::uint64_t word = 1 + round % 50;
    ASSERT_TRUE(table->insert(mix(word), word));
    find(*table, word)->store(0);
    ASSERT_EQ(find(*table, word), nullptr);
  }
}

TEST(ProbeTable, BeginsSmallWithoutWhatWasInIt) {
  auto table = std::make_unique<Table>();
  for (std::uint64_t word = 1; word <= 2000; ++word) ASSERT_TRUE(table->insert(mix(word), word));
  table->begin_small();
  for (std::uint64_t word = 1; word <= 2000; ++word) ASSERT_EQ(find(*table, word), nullptr) << word;
  for (std::uint64_t word = 1; word <= 2000; word += 2) ASSERT_TRUE(table->insert(mix(word), word));
  for (std::uint64_t word = 1; word <= 2000; ++word) {
    const Table::Slot* const slot = find(*table, word);
    ASSERT_EQ(slot == nullptr ? 0 : slot->load(), word % 2 == 0 ? 0 : word);
  }
}

long levels_of_own_memory() {
  return std::count_if(own_memory(), own_memory() + kMostOwnMemory,
                       [](const OwnMemory& own) { return own.end > own.start; });
}

// The tool takes what is not own for the program's.
TEST(OwnMemory, AMappingIsOwnToTheEndOfItsLastPage) {
  const auto has = [](std::uint64_t start, std::uint64_t end) {
    return std::count_if(own_memory(), own_memory() + kMostOwnMemory,
                         [&](const OwnMemory& own) { return own.start == start && own.end == end; }) != 0;
  };
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  memory_is_own(reinterpret_cast<void*>(16 * page), 3 * page + 12);
  EXPECT_TRUE(has(16 * page, 20 * page));
  data_are_own(reinterpret_cast<void*>(32 * page), 12);
  EXPECT_TRUE(has(32 * page, 32 * page + 12));
  memory_is_given_back(reinterpret_cast<void*>(16 * page));
  memory_is_given_back(reinterpret_cast<void*>(32 * page));
}

// As each generation of children of children does.
TEST(ProbeTable, HasNoMoreMemoryHoweverOftenItBeginsSmall) {
  auto table = std::make_unique<Table>();
  const auto fill = [&] {
    for (std::uint64_t word = 1; word <= 100; ++word) table->insert(mix(word), word);
  };
  table->begin_small();
  fill();
  const long levels = levels_of_own_memory();
  for (std::size_t i = 0; i < kMostOwnMemory; ++i) {
    table->begin_small();
    fill();
  }
  EXPECT_EQ(levels_of_own_memory(), levels);
  table->begin_small();
  EXPECT_LT(levels_of_own_memory(), levels);
}

TEST(ProbeTable, RefusesWhenEveryLevelIsFull) {
  auto table = std::make_unique<ProbeTable<8, 0, 2>>();
  unsigned in = 0;
  while (in < 100 && table->insert(0, 1 + in)) ++in;
  EXPECT_EQ(in, 16u);
}

TEST(ProbeTable, ThreadsThatInsertAtOnceLoseNothing) {
  auto table = std::make_unique<Table>();
  constexpr std::uint64_t kEach = 20000;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        const std::uint64_t word = 1 + t * kEach + i;
        table->insert(mix(word), word);
        if (i % 2 == 1) find(*table, word)->store(0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::uint64_t word = 1; word <= 4 * kEach; ++word) {
    EXPECT_EQ(find(*table, word) != nullptr, (word - 1) % 2 == 0) << word;
  }
}

}  // namespace
}  // namespace leakdir
