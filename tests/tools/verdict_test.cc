// SPDX-License-Identifier: BSL-1.0
//
// What `check` answers: by itself, against a baseline, against an earlier look, and with what the user allows.

#include "analyse/verdict.hh"

#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>

#include "analyse/largest.hh"

namespace leakdir::tool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TallyStack stack(const std::string& function, std::uint64_t blocks, std::uint64_t bytes) {
  TallyStack made;
  made.call = "malloc";
  made.identity = {function};
  made.blocks = blocks;
  made.bytes = bytes;
  return made;
}

class Judging : public testing::Test {
 protected:
  Judging() {
    judged.now.program = "app";
    judged.now.stacks = {stack("grown", 3, 150), stack("new", 1, 7), stack("same", 1, 50)};
    judged.before.origin = "b";
    judged.before.stacks = {stack("gone", 1, 1), stack("grown", 2, 100), stack("same", 1, 50)};
  }

  std::string answer() {
    verdict = judge(judged, limits);
    return verdict.sentence;
  }
  std::vector<std::string> found() const {
    std::vector<std::string> names;
    for (const auto& difference : verdict.stacks) names.push_back(difference.stack().identity[0]);
    return names;
  }
  void against(Judged::Against what) { judged.against = what; }

  Judged judged;
  Limits limits;
  Verdict verdict;
};

TEST_F(Judging, ByItselfAllIsToBeMended) {
  judged.before = {};
  EXPECT_EQ(answer(), "leak: 5 live blocks, 207 bytes in 3 stacks by function; the largest: grown");
  EXPECT_EQ(verdict.answer, Answer::kLeak);
  EXPECT_THAT(found(), ElementsAre("grown", "same", "new"));
}

TEST_F(Judging, WhatIsLostComesFirstThenWhatWasAllocatedAllThroughTheRun) {
  judged.before = {};
  auto& stacks = judged.now.stacks;  // of 150, 7 and 50 bytes
  stacks[1].spread = Spread::kMostlyLast;
  const std::string sum = "leak: 5 live blocks, 207 bytes in 3 stacks by function; ";
  EXPECT_EQ(answer(), sum + "allocated all through the run and still live: new");
  EXPECT_THAT(found(), ElementsAre("new", "grown", "same"));
  stacks[2].spread = Spread::kEven;
  EXPECT_EQ(answer(), sum + "allocated all through the run and still live: same");
  EXPECT_THAT(found(), ElementsAre("same", "new", "grown"));
  stacks[2].kinds[static_cast<std::size_t>(ledger::Reach::kDefinite)] = {1, 50, 1};
  stacks[0].kinds[static_cast<std::size_t>(ledger::Reach::kReachable)] = {3, 150, 1};
  EXPECT_EQ(answer(), "leak: 5 live blocks, 207 bytes in 3 stacks by function; the largest that is lost: same");
  EXPECT_THAT(found(), ElementsAre("same", "new", "grown"));
}

TEST_F(Judging, SoMuchMayBeLive) {
  judged.before = {};
  limits.max_bytes = 207;
  EXPECT_EQ(answer(), "no leak: 5 live blocks, 207 bytes in 3 stacks by function, of 207 bytes that are allowed: app");
  EXPECT_EQ(verdict.answer, Answer::kNoLeak);
  EXPECT_THAT(found(), IsEmpty());
  limits.max_bytes = 200;
  EXPECT_EQ(answer(),
            "leak: 5 live blocks, 207 bytes in 3 stacks by function, 7 bytes more than 200 bytes that are allowed; the "
            "largest: grown");
  EXPECT_THAT(found(), ElementsAre("grown", "same", "new"));
  limits.max_bytes = 0;
  judged.now.stacks.clear();
  EXPECT_EQ(answer(), "no leak: nothing is live after 0 allocations and 0 frees: app");
}

TEST_F(Judging, ABadFreeIsNotAllowedForByBytes) {
  judged.before = {};
  limits.max_bytes = 1000;
  judged.now.bad_frees = {stack("drop", 2, 0)};
  EXPECT_EQ(answer(), "no leak, but 2 bad frees; malloc: drop");
  EXPECT_EQ(verdict.answer, Answer::kLeak);
  EXPECT_THAT(found(), IsEmpty());
  EXPECT_EQ(verdict.bad_frees.size(), 1u);
}

TEST_F(Judging, AgainstABaselineWhatIsNewOrHasGrown) {
  against(Judged::Against::kBaseline);
  EXPECT_EQ(answer(),
            "leak: 1 new stack by function, 1 stack by function that grew, +2 blocks and +57 bytes against b; the "
            "first: grown");
  EXPECT_THAT(found(), ElementsAre("grown", "new"));
  EXPECT_THAT(
      verdict.notes,
      ElementsAre("less is live than b says, in 1 stack by function: --write-baseline makes it the new measure"));
}

TEST_F(Judging, NewOnlyPassesOverGrowth) {
  against(Judged::Against::kBaseline);
  limits.only_new = true;
  EXPECT_EQ(answer(), "leak: 1 new stack by function, +1 blocks and +7 bytes against b; the first: new");
  EXPECT_THAT(found(), ElementsAre("new"));
  EXPECT_EQ(verdict.notes.at(1), "1 stack by function grew, +1 blocks and +50 bytes, which is allowed (--new-only)");
  judged.now.stacks.erase(judged.now.stacks.begin() + 1);
  EXPECT_EQ(answer(), "no new leak: 4 live blocks, 200 bytes in 2 stacks by function, 0 bad frees are known");
  EXPECT_EQ(verdict.answer, Answer::kNoLeak);
}

TEST_F(Judging, AKnownStackMayGrowByBytesOrPercent) {
  against(Judged::Against::kBaseline);
  for (const char* enough : {"50", "1k", "50%", "51%"}) {
    limits.growth = parse_allowance(enough);
    answer();
    EXPECT_THAT(found(), ElementsAre("new")) << enough;
    EXPECT_EQ(verdict.answer, Answer::kLeak);
  }
  EXPECT_EQ(verdict.notes.at(1), "1 stack by function grew, +1 blocks and +50 bytes, which is allowed (51 % each)");
  for (const char* too_little : {"49", "0", "49%", "0%"}) {
    limits.growth = parse_allowance(too_little);
    answer();
    EXPECT_THAT(found(), ElementsAre("grown", "new")) << too_little;
    EXPECT_EQ(verdict.notes.size(), 1u);
  }
}

TEST_F(Judging, WhatIsKnownMayBeTooMuchAllTogether) {
  against(Judged::Against::kBaseline);
  judged.now = judged.before;
  judged.before.origin = "b";
  limits.max_bytes = 150;
  EXPECT_EQ(answer(), "leak: 1 byte more than 150 bytes that are allowed against b; the first: gone");
  EXPECT_THAT(found(), ElementsAre("gone", "grown", "same"));
  EXPECT_EQ(verdict.answer, Answer::kLeak);
}

TEST_F(Judging, SinceAnEarlierLookTheSumCounts) {
  against(Judged::Against::kEarlier);
  EXPECT_EQ(answer(),
            "leak: +56 bytes, +1 blocks since b: 5 live blocks, 207 bytes in 3 stacks by function; the first: grown");
  EXPECT_THAT(found(), ElementsAre("grown", "new"));
  for (const char* enough : {"56", "38%"}) {
    limits.max_growth = parse_allowance(enough);
    answer();
    EXPECT_EQ(verdict.answer, Answer::kNoLeak) << enough;
    EXPECT_THAT(found(), IsEmpty());
  }
  EXPECT_EQ(verdict.sentence,
            "no leak: +56 bytes, +1 blocks since b (38 % more are allowed): 5 live blocks, 207 bytes in 3 stacks by "
            "function: app");
  for (const char* too_little : {"55", "37%"}) {
    limits.max_growth = parse_allowance(too_little);
    answer();
    EXPECT_EQ(verdict.answer, Answer::kLeak) << too_little;
  }
}

TEST_F(Judging, SinceAnEarlierLookWhatShrankMakesUpForGrowth) {
  against(Judged::Against::kEarlier);
  judged.before.stacks[0].bytes = 58;
  EXPECT_EQ(answer(), "no leak: -1 bytes, +1 blocks since b: 5 live blocks, 207 bytes in 3 stacks by function: app");
  EXPECT_EQ(verdict.answer, Answer::kNoLeak);
  limits.max_bytes = 206;
  answer();
  EXPECT_EQ(verdict.answer, Answer::kLeak);
  EXPECT_THAT(found(), ElementsAre("grown", "new"));
}

TEST_F(Judging, WhatMayBeLostAsWellIsNoVerdict) {
  judged.now.stacks.clear();
  judged.before = {};
  judged.neither = {2, 20, 0};
  judged.why_neither = "threads";
  EXPECT_EQ(answer(), "no trustworthy data: whether 2 blocks, 20 bytes are lost is not known: threads");
  EXPECT_EQ(verdict.answer, Answer::kNoTrust);
}

TEST(Allowance, IsBytesOrPercent) {
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("64k"), 65536u);
  EXPECT_EQ(parse_bytes("3M"), 3145728u);
  for (const char* wrong : {"", "k", "-1", "1.5", "1K", "1kB", "99999999999999999999", "99999999999999999G"})
    EXPECT_FALSE(parse_bytes(wrong)) << wrong;
  EXPECT_EQ(parse_allowance("10%")->in_words(), "10 %");
  EXPECT_EQ(parse_allowance("10k")->in_words(), "10240 bytes (10.0 KiB)");
  for (const char* wrong : {"%", "10k%", "-1%", "x%", "10 %", "10%%"}) EXPECT_FALSE(parse_allowance(wrong)) << wrong;
}

TEST(Allowance, IsExactForLargeNumbers) {
  const std::uint64_t large = std::uint64_t{1} << 60;
  EXPECT_TRUE((Allowance{10, true}.allows(large * 10, static_cast<std::int64_t>(large))));
  EXPECT_FALSE((Allowance{10, true}.allows(large * 10 - 10, static_cast<std::int64_t>(large))));
  EXPECT_TRUE((Allowance{0, false}.allows(0, 0)));
  EXPECT_TRUE((Allowance{0, false}.allows(5, -5)));
  EXPECT_FALSE((Allowance{100, true}.allows(0, 1)));
}

TEST(LargestOf, KeepsEachNumbersLargest) {
  Tally one, two;
  one.program = "app";
  one.stacks = {stack("a", 1, 100), stack("b", 2, 20)};
  two.stacks = {stack("a", 5, 50), stack("c", 1, 1)};
  one.stacks[0].kinds[1] = {1, 100, 1};
  two.stacks[0].kinds[1] = {2, 20, 1};
  two.bad_frees = {stack("drop", 3, 0)};
  const Tally largest = largest_of({one, two});
  EXPECT_EQ(largest.program, "app");
  ASSERT_EQ(largest.stacks.size(), 3u);
  EXPECT_EQ(largest.stacks[0].blocks, 5u);
  EXPECT_EQ(largest.stacks[0].bytes, 100u);
  EXPECT_EQ(largest.stacks[0].kinds[1].blocks, 2u);
  EXPECT_EQ(largest.stacks[0].kinds[1].bytes, 100u);
  EXPECT_EQ(largest.stacks[1].bytes, 20u);
  EXPECT_EQ(largest.stacks[2].bytes, 1u);
  EXPECT_EQ(largest.bad_free_count(), 3u);
  // Each of the runs passes by it.
  for (const auto& run : {one, two})
    for (const auto& difference : compare(largest.stacks, run.stacks)) EXPECT_FALSE(is_worse(difference.fate));
}

}  // namespace
}  // namespace leakdir::tool
