// SPDX-License-Identifier: BSL-1.0
#include "analyse/group.hh"

#include <gtest/gtest.h>

#include "load_from_memory.hh"

namespace leakdir::tool {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class GroupTest : public testing::Test {
 protected:
  GroupTest() {
    ledger.program("/app", 0x400000);
    ledger.thread(4711, "app", 10, 0);
  }

  Grouped group_all(const GroupOptions& options = {}) {
    snapshot = load_built(ledger);
    return group(snapshot, options);
  }

  std::vector<std::uint64_t> bytes_in_order(const GroupOptions& options) {
    std::vector<std::uint64_t> bytes;
    for (const auto& group : group_all(options).groups) bytes.push_back(group.bytes);
    return bytes;
  }

  LedgerBuilder ledger;
  Snapshot snapshot;
};

using Bytes64 = std::vector<std::uint64_t>;

TEST_F(GroupTest, BlocksOfOneStackAreOneGroup) {
  auto stack = ledger.stack({0x401010, 0x401000});
  ledger.block({0x1000, 20, stack});
  ledger.block({0x2000, 30, stack});
  Grouped grouped = group_all();
  ASSERT_EQ(grouped.groups.size(), 1u);
  EXPECT_EQ(grouped.groups[0].bytes, 50u);
  EXPECT_EQ(grouped.groups[0].blocks.size(), 2u);
  EXPECT_EQ(grouped.blocks, 2u);
  EXPECT_EQ(grouped.bytes, 50u);
}

TEST_F(GroupTest, StacksWithEqualFramesAreOneGroupThoughTheirNodesDiffer) {
  ledger.block({0x1000, 20, ledger.stack({0x401010, 0x401000})});
  ledger.block({0x2000, 30, ledger.stack({0x401010, 0x401000})});
  EXPECT_EQ(group_all().groups.size(), 1u);
}

TEST_F(GroupTest, StacksThatDifferInTheOutermostFrameAreTwoGroups) {
  ledger.block({0x1000, 20, ledger.stack({0x401010, 0x401000})});
  ledger.block({0x2000, 30, ledger.stack({0x401010, 0x401001})});
  EXPECT_EQ(group_all().groups.size(), 2u);
}

TEST_F(GroupTest, AStackIsNotTheSameAsItsOwnBeginning) {
  ledger.block({0x1000, 20, ledger.stack({0x401010, 0x401000})});
  ledger.block({0x2000, 30, ledger.stack({0x401010})});
  EXPECT_EQ(group_all().groups.size(), 2u);
}

TEST_F(GroupTest, OneStackThroughTwoFunctionsIsTwoGroups) {
  auto stack = ledger.stack({0x401010});
  ledger.block({0x1000, 20, stack, ledger::Call::kMalloc});
  ledger.block({0x2000, 30, stack, ledger::Call::kRealloc});
  EXPECT_EQ(group_all().groups.size(), 2u);
}

TEST_F(GroupTest, ALibraryThatWasLoadedAgainElsewhereIsTheSameLibrary) {
  auto first = ledger.module("/plugin.so", 0x7f0000000000, "id");
  auto second = ledger.module("/plugin.so", 0x7f5555000000, "id");
  ledger.block({0x1000, 20, ledger.stack({0x7f0000001234}, first)});
  ledger.block({0x2000, 30, ledger.stack({0x7f5555001234}, second)});
  EXPECT_EQ(group_all().groups.size(), 1u);
}

TEST_F(GroupTest, ALibraryThatWasRebuiltInBetweenIsAnother) {
  auto first = ledger.module("/plugin.so", 0x7f0000000000, "id");
  auto second = ledger.module("/plugin.so", 0x7f0000000000, "di");
  ledger.block({0x1000, 20, ledger.stack({0x7f0000001234}, first)});
  ledger.block({0x2000, 30, ledger.stack({0x7f0000001234}, second)});
  EXPECT_EQ(group_all().groups.size(), 2u);
}

TEST_F(GroupTest, PlacesOfTheMacroHookTellGroupsApart) {
  auto stack = ledger.stack({0x401010});
  auto file = ledger.text("app.c");
  ledger.block({0x1000, 20, ledger.node(file, ledger::kPlaceModule, stack, 69)});
  ledger.block({0x2000, 20, ledger.node(file, ledger::kPlaceModule, stack, 70)});
  ledger.block({0x3000, 20, ledger.node(file, ledger::kPlaceModule, stack, 69)});
  Grouped grouped = group_all();
  ASSERT_EQ(grouped.groups.size(), 2u);
  EXPECT_EQ(grouped.groups[0].bytes, 40u);
}

TEST_F(GroupTest, GroupsAreSortedByTheKeyAskedFor) {
  auto large = ledger.stack({0x401010}), many = ledger.stack({0x401020}), old = ledger.stack({0x401030});
  ledger.block({0x1000, 1, old, ledger::Call::kMalloc, 0, 1 * kSecond});
  for (unsigned i = 0; i < 5; ++i) ledger.block({0x2000 + 16 * i, 2, many, ledger::Call::kMalloc, 0, 2 * kSecond});
  ledger.block({0x3000, 1000, large, ledger::Call::kMalloc, 0, 3 * kSecond});
  GroupOptions options;
  EXPECT_EQ(bytes_in_order(options), (Bytes64{1000, 10, 1}));
  options.sort = Sort::kBlocks;
  EXPECT_EQ(bytes_in_order(options), (Bytes64{10, 1000, 1}));
  options.sort = Sort::kAge;
  EXPECT_EQ(bytes_in_order(options), (Bytes64{1, 10, 1000}));
}

TEST_F(GroupTest, EqualGroupsStandInTheOrderOfTheirAddresses) {
  ledger.block({0x9000, 20, ledger.stack({0x401010})});
  ledger.block({0x1000, 20, ledger.stack({0x401020})});
  Grouped grouped = group_all();
  ASSERT_EQ(grouped.groups.size(), 2u);
  EXPECT_EQ(snapshot.blocks[grouped.groups[0].blocks[0]].address, 0x1000u);
}

TEST_F(GroupTest, BlocksOfAGroupStandInTheOrderInWhichTheyWereMade) {
  auto stack = ledger.stack({0x401010});
  ledger.block({0x1000, 20, stack, ledger::Call::kMalloc, 0, 0, 30});
  ledger.block({0x2000, 20, stack, ledger::Call::kMalloc, 0, 0, 10});
  ledger.block({0x3000, 20, stack, ledger::Call::kMalloc, 0, 0, 20});
  Grouped grouped = group_all();
  std::vector<std::uint64_t> addresses;
  for (auto block : grouped.groups.at(0).blocks) addresses.push_back(snapshot.blocks[block].address);
  EXPECT_EQ(addresses, (Bytes64{0x2000, 0x3000, 0x1000}));
}

TEST_F(GroupTest, LibcsOwnBlocksAreLeftOutAndCounted) {
  ledger.block({0x1000, 20, ledger.stack({0x401010})});
  ledger.block({0x2000, 300, ledger.stack({0x401020}), ledger::Call::kMalloc, ledger::kFlagLibc});
  Grouped grouped = group_all();
  EXPECT_EQ(grouped.bytes, 20u);
  EXPECT_EQ(grouped.libc_blocks, 1u);
  EXPECT_EQ(grouped.libc_bytes, 300u);
  GroupOptions options;
  options.lists_libc = true;
  EXPECT_EQ(group_all(options).bytes, 320u);
}

TEST_F(GroupTest, IgnoredBlocksAreLeftOutAlways) {
  ledger.block({0x1000, 20, ledger.stack({0x401010}), ledger::Call::kMalloc, ledger::kFlagIgnored});
  GroupOptions options;
  options.lists_libc = true;
  Grouped grouped = group_all(options);
  EXPECT_EQ(grouped.blocks, 0u);
  EXPECT_EQ(grouped.ignored_blocks, 1u);
}

TEST_F(GroupTest, MinAgeLeavesOutYoungerBlocks) {
  auto stack = ledger.stack({0x401010});
  // The ledger's process exited 100 s after its start.
  ledger.block({0x1000, 20, stack, ledger::Call::kMalloc, 0, 39 * kSecond});
  ledger.block({0x2000, 30, stack, ledger::Call::kMalloc, 0, 40 * kSecond});
  ledger.block({0x3000, 50, stack, ledger::Call::kMalloc, 0, 41 * kSecond});
  GroupOptions options;
  options.min_age_ns = 60 * kSecond;
  Grouped grouped = group_all(options);
  EXPECT_EQ(grouped.bytes, 50u);
  EXPECT_EQ(grouped.young_blocks, 1u);
}

TEST_F(GroupTest, PartsAddUpToTheWhole) {
  for (unsigned i = 0; i < 1000; ++i)
    ledger.block({0x1000 + 16 * i, i, ledger.stack({0x401000 + i % 37, 0x401000 + i % 11})});
  Grouped grouped = group_all();
  std::uint64_t blocks = 0, bytes = 0;
  for (const auto& group : grouped.groups) blocks += group.blocks.size(), bytes += group.bytes;
  EXPECT_EQ(grouped.groups.size(), 37u * 11u);
  EXPECT_EQ(blocks, 1000u);
  EXPECT_EQ(bytes, 999u * 1000u / 2);
  EXPECT_EQ(grouped.blocks, blocks);
  EXPECT_EQ(grouped.bytes, bytes);
}

TEST_F(GroupTest, BlocksOfASampleStandForMore) {
  ledger.block({0x1000, 9, ledger.stack({0x401010})});
  ledger.block({0x2000, 1023, ledger.stack({0x402020})});
  ledger.block({0x3000, 1023, ledger.stack({0x402020})});
  const Grouped whole = group_all();
  EXPECT_EQ(whole.all.whole_blocks(), 3u);
  EXPECT_EQ(whole.all.whole_bytes(), 2055u);
  EXPECT_EQ(whole.all.deviation(), 0u);
  ledger.header.sample_bytes = 1024;
  const Grouped sample = group_all();
  EXPECT_EQ(sample.bytes, 2055u);
  // 1 / (1 - exp(-10 / 1024)) and 1 / (1 - exp(-1))
  const double small = 102.9008, large = 1.5819767;
  EXPECT_NEAR(sample.all.blocks, small + 2 * large, 1e-3);
  EXPECT_NEAR(sample.all.bytes, small * 9 + 2 * large * 1023, 1e-2);
  EXPECT_NEAR(sample.all.variance, small * (small - 1) * 9 * 9 + 2 * large * (large - 1) * 1023 * 1023, 20);
  EXPECT_EQ(sample.all.deviation(), 1666u);
  // Many small blocks are more than few large ones: what is estimated decides which is the largest.
  ledger.block({0x4000, 9, ledger.stack({0x401010})});
  ledger.block({0x5000, 9, ledger.stack({0x401010})});
  ledger.block({0x6000, 9, ledger.stack({0x401010})});
  EXPECT_EQ(bytes_in_order({}), (Bytes64{36, 2046}));
  ledger.header.sample_bytes = 0;
  EXPECT_EQ(bytes_in_order({}), (Bytes64{2046, 36}));
}

TEST_F(GroupTest, BlocksWithoutAStackAreAGroupToo) {
  ledger.block({0x1000, 20, 0});
  Grouped grouped = group_all();
  ASSERT_EQ(grouped.groups.size(), 1u);
  EXPECT_EQ(grouped.groups[0].stack, kNone);
}

TEST_F(GroupTest, AStackStandsOnceForEachKindOfItsBlocks) {
  const auto stack = ledger.stack({0x401000});
  using ledger::Reach;
  ledger.block_of_kind(Reach::kReachable, {0x1000, 100, stack});
  ledger.block_of_kind(Reach::kPossible, {0x2000, 50, stack});
  ledger.block_of_kind(Reach::kDefinite, {0x3000, 1, stack});
  ledger.block_of_kind(Reach::kDefinite, {0x4000, 2, stack});
  ledger.block_of_kind(Reach::kIndirect, {0x5000, 3, stack});
  ledger.block({0x6000, 1000, stack});
  Grouped grouped = group(load_built(ledger), {});
  std::vector<std::pair<Reach, std::uint64_t>> order;
  for (const auto& each : grouped.groups) order.emplace_back(each.reach, each.bytes);
  EXPECT_EQ(order, (std::vector<std::pair<Reach, std::uint64_t>>{{Reach::kDefinite, 3},
                                                                 {Reach::kIndirect, 3},
                                                                 {Reach::kPossible, 50},
                                                                 {Reach::kReachable, 100},
                                                                 {Reach::kUnknown, 1000}}));
  keep_kinds(grouped, kind_bit(Reach::kPossible) | kind_bit(Reach::kReachable));
  EXPECT_EQ(grouped.groups.size(), 2u);
  EXPECT_EQ(grouped.blocks, 2u);
  EXPECT_EQ(grouped.bytes, 150u);
  EXPECT_EQ(grouped.hidden[static_cast<std::size_t>(Reach::kDefinite)].blocks, 2u);
  EXPECT_EQ(grouped.hidden[static_cast<std::size_t>(Reach::kUnknown)].bytes, 1000u);
  std::uint64_t bytes = 0, stacks = 0;
  for (const auto& sum : all_kinds(grouped)) {
    bytes += sum.bytes;
    stacks += sum.stacks;
  }
  EXPECT_EQ(bytes, 1156u) << "parts add up to the whole";
  EXPECT_EQ(stacks, 5u);
}

TEST_F(GroupTest, WhereNobodyLookedNoKindIsLeftOut) {
  ledger.block({0x1000, 100, ledger.stack({0x401000})});
  Grouped grouped = group(load_built(ledger), {});
  keep_kinds(grouped, kLostKinds);
  EXPECT_FALSE(grouped.knows_kinds);
  EXPECT_EQ(grouped.blocks, 1u);
}

TEST(Kinds, AreReadAsValgrindReadsThem) {
  using ledger::Reach;
  EXPECT_EQ(parse_kinds("all"), kAllKinds);
  EXPECT_EQ(parse_kinds("none"), KindSet{0});
  EXPECT_EQ(parse_kinds("possible,definite,indirect"), kLostKinds);
  EXPECT_EQ(parse_kinds("reachable"), kind_bit(Reach::kReachable));
  for (const char* wrong : {"", "definitely", "definite,", ",definite", "all,none", "definite, possible", "known"})
    EXPECT_FALSE(parse_kinds(wrong)) << wrong;
  for (const char* list : {"all", "none", "definite", "definite,indirect,possible", "definite,reachable"})
    EXPECT_EQ(words_of(*parse_kinds(list)), list);
}

}  // namespace
}  // namespace leakdir::tool
