// SPDX-License-Identifier: BSL-1.0
// Sequence numbers and times: what the row of a block says of both comes out again, whenever the numbers were taken and
// however long they were kept.
#include "ledger/periods.hh"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "ledger/ledger_file.hh"

namespace leakdir {
namespace {

constexpr std::uint64_t kMostTime = ledger::kMostTime;

ledger::Block block_of(std::uint64_t number, std::uint64_t now, const Numbers& numbers) {
  return {{0, ledger::block_word1(0, time_in_period(now, numbers.start), 1), ledger::block_word2(number, 1, 0)}};
}

std::uint32_t period_now() { return ledger::current_period(ledger_file.header()->sequence); }

class Periods : public testing::Test {
 protected:
  Periods() { EXPECT_EQ(ledger_file.create_private(), 0); }
  ~Periods() override { ledger_file.leave(); }
};

TEST_F(Periods, TheFirstNeedsNoRow) {
  const Numbers numbers = take_numbers(64, 1000);
  EXPECT_EQ(numbers.after, 0u);
  EXPECT_EQ(numbers.start, 0u);
  EXPECT_EQ(take_numbers(1, 1001).after, 64u);
  EXPECT_EQ(last_number(), 65u);
  EXPECT_EQ(period_now(), 0u);
  EXPECT_EQ(ledger_file.used(ledger::Kind::kPeriods), 0u);
  EXPECT_EQ(ticks_of(block_of(64, 1000, numbers)), 1000u);
}

TEST_F(Periods, ABatchThatIsKeptCountsFromItsOwn) {
  const Numbers early = take_numbers(64, 5);
  const std::uint64_t later = kMostTime - 3;
  const Numbers late = take_numbers(64, later);
  EXPECT_EQ(period_now(), 1u);
  EXPECT_EQ(late.start, later);
  EXPECT_EQ(ticks_of(block_of(early.after + 1, 6, early)), 6u);
  EXPECT_EQ(ticks_of(block_of(early.after + 64, kMostTime, early)), kMostTime);
  EXPECT_EQ(ticks_of(block_of(late.after + 1, later, late)), later);
  EXPECT_EQ(ticks_of(block_of(late.after + 64, later + kMostTime, late)), later + kMostTime);
}

TEST_F(Periods, EndAfterAnyRest) {
  std::uint64_t now = 0, number = 0;
  for (const std::uint64_t rest : {kMostTime, std::uint64_t{1} << 40, std::uint64_t{1} << 50, kMostTime + 1}) {
    now += rest;
    const Numbers numbers = take_numbers(1, now);
    EXPECT_EQ(numbers.after, number++);
    EXPECT_EQ(ticks_of(block_of(number, now, numbers)), now);
  }
}

TEST_F(Periods, AreNoneOfWhatClocksDiffer) {
  take_numbers(64, kMostTime);
  const Numbers numbers = take_numbers(64, kMostTime - 1000);
  EXPECT_EQ(period_now(), 1u);
  EXPECT_EQ(ticks_of(block_of(numbers.after + 1, kMostTime - 1000, numbers)), kMostTime);
}

TEST_F(Periods, BeginAnewWhereTheClockWasSetBack) {
  take_numbers(64, kMostTime * 10);
  const Numbers numbers = take_numbers(64, 77);
  EXPECT_EQ(period_now(), 2u);
  EXPECT_EQ(ticks_of(block_of(numbers.after + 1, 77, numbers)), 77u);
}

// Each thread has a clock of its own making, which all of them are driven by: the highest that anybody has seen.
TEST_F(Periods, OfThreadsThatTakeNumbersAtOnceAreToldApart) {
  std::atomic<std::uint64_t> clock{0};
  std::atomic<unsigned> wrong{0};
  const auto work = [&](unsigned seed) {
    std::minstd_rand random(seed);
    for (unsigned i = 0; i < 3000; ++i) {
      std::uint64_t now = clock.fetch_add(random() % (kMostTime / 8));
      const Numbers numbers = take_numbers(1 + random() % 3, now);
      if (ticks_of(block_of(numbers.after + 1, now, numbers)) < numbers.start) ++wrong;
      // As long as a batch may be kept.
      now = numbers.start + random() % kMostTime;
      if (ticks_of(block_of(numbers.after + 1, now, numbers)) != now) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i <= 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(period_now(), 500u);
}

TEST_F(Periods, GoOnInAChildWithThoseThatItHas) {
  ledger::Header parent = {};
  parent.sequence = std::uint64_t{1000} << ledger::kPeriodBits | 3;
  continue_numbers(parent);  // no row was copied: the parent has begun its first since
  EXPECT_EQ(last_number(), 1000u);
  EXPECT_EQ(period_now(), 0u);
  ASSERT_EQ(ledger_file.take(ledger::Kind::kPeriods, 3), 1u);
  continue_numbers(parent);
  EXPECT_EQ(period_now(), 3u);
  parent.sequence += 2;
  continue_numbers(parent);
  EXPECT_EQ(period_now(), 3u);
  EXPECT_EQ(last_number(), 1000u);
}

}  // namespace
}  // namespace leakdir
