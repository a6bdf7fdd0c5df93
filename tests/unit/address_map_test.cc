// SPDX-License-Identifier: BSL-1.0
// The index of live blocks: a cell for each smallest block, wherever in the address space it lies.
#include "ledger/address_map.hh"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <thread>
#include <vector>

namespace leakdir {
namespace {

const std::uint64_t kStretch = std::uint64_t{1} << AddressMap::stretch_bits();

TEST(AddressMap, HasNoCellWhereNoBlockHasBeen) {
  auto map = std::make_unique<AddressMap>();
  for (const std::uint64_t address : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x733270},
                                      std::uint64_t{0x7fffffffffff}, std::uint64_t{1} << 48, ~std::uint64_t{0}}) {
    EXPECT_EQ(map->find(address), nullptr) << address;
  }
}

TEST(AddressMap, HasNoCellForWhatIsNoAddress) {
  auto map = std::make_unique<AddressMap>();
  EXPECT_EQ(map->find_or_make(std::uint64_t{1} << 48), nullptr);
  EXPECT_EQ(map->find_or_make(~std::uint64_t{0}), nullptr);
}

TEST(AddressMap, NeighboursHaveCellsOfTheirOwnAndTheInsideOfABlockSharesItsFirst) {
  auto map = std::make_unique<AddressMap>();
  constexpr std::uint64_t kBlock = 0x555555559000;
  AddressMap::Cell* cell = map->find_or_make(kBlock);
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(map->find_or_make(kBlock + kStretch), cell + 1);
  EXPECT_EQ(map->find(kBlock + kStretch - 1), cell);
  EXPECT_TRUE(AddressMap::share(kBlock, kBlock + kStretch - 1));
  EXPECT_FALSE(AddressMap::share(kBlock, kBlock + kStretch));
}

TEST(AddressMap, TellsWhatIsInUseAndClears) {
  auto map = std::make_unique<AddressMap>();
  std::map<std::uint64_t, std::uint32_t> put;
  // Over leaves and tables of every level, both ends of each included.
  for (const unsigned shift : {5u, 12u, 23u, 24u, 35u, 36u, 46u, 47u}) {
    const std::uint64_t edge = std::uint64_t{1} << shift;
    for (const std::uint64_t address : {edge - kStretch, edge, edge + kStretch}) {
      put[address / kStretch * kStretch] = static_cast<std::uint32_t>(put.size() + 1);
    }
  }
  for (const auto& [address, number] : put) map->find_or_make(address)->store(number);
  std::map<std::uint64_t, std::uint32_t> seen;
  map->for_each([&](std::uint64_t address, AddressMap::Cell& cell) { seen[address] = cell.load(); });
  EXPECT_EQ(seen, put);
  map->clear();
  seen.clear();
  map->for_each([&](std::uint64_t address, AddressMap::Cell& cell) { seen[address] = cell.load(); });
  EXPECT_TRUE(seen.empty());
}

TEST(AddressMap, ThreadsThatMakeALeafAtOnceGetTheSameOne) {
  for (int round = 0; round < 50; ++round) {
    auto map = std::make_unique<AddressMap>();
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] { map->find_or_make(0x7f0000000000 + t * kStretch)->store(t + 1); });
    }
    for (std::thread& thread : threads) thread.join();
    for (std::uint32_t t = 0; t < 4; ++t) EXPECT_EQ(map->find(0x7f0000000000 + t * kStretch)->load(), t + 1);
  }
}

}  // namespace
}  // namespace leakdir
