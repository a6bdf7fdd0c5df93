// SPDX-License-Identifier: BSL-1.0
//
// Option `sample`: a part of the blocks is recorded, by chance, and what is said of the rest is right.
//
// With sample=1 a block of 60 bytes or more is as good as always recorded (all but one in 10^26): then all that holds
// without the option must hold. Chance decides elsewhere: the bounds are such that a right program fails less than once
// in 10^8 runs.

#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "expected_kinds.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;

constexpr double kMostDeviations = 6;

// How many blocks one that is recorded stands for.
double weight(std::uint64_t size, double sample) { return -1 / std::expm1(-(static_cast<double>(size) + 1) / sample); }

// Without what is so small that it may have been left out.
void expect_all_but_small(std::vector<Expected> expected, std::vector<Record> records) {
  const auto is_small = [](const auto& block) { return block.size < 60; };
  expected.erase(std::remove_if(expected.begin(), expected.end(), is_small), expected.end());
  records.erase(std::remove_if(records.begin(), records.end(), is_small), records.end());
  expect_exactly(expected, records);
}

class Sample : public testing::TestWithParam<std::string> {
 protected:
  Outcome run_it(const std::string& name, const std::string& options, const std::vector<std::string>& arguments = {}) {
    return run_in(scratch_, target(name, GetParam()), {options, arguments, {}, 120});
  }
  Scratch scratch_;
};

TEST_P(Sample, IsUnbiasedAtEachSize) {
  const Outcome outcome = run_it("sampled", "sample=64k:write=exit:unwind=caller", {"population", "200"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err, "");
  int sizes = 0;
  double true_bytes = 0, estimate = 0, variance = 0;
  for (const std::string& line : lines_of(outcome.out)) {
    const std::uint64_t size = std::stoull(said(line, "population", "size"));
    const double bytes = static_cast<double>(size);
    const double blocks = std::stod(said(line, "population", "blocks"));
    const double recorded = std::stod(said(line, "population", "recorded"));
    const double stands_for = weight(size, 65536), probability = 1 / stands_for;
    ++sizes;
    if (probability > 0.999999) {
      EXPECT_EQ(recorded, blocks) << line;
      continue;
    }
    EXPECT_LT(std::abs(recorded - blocks * probability),
              kMostDeviations * std::sqrt(blocks * probability * (1 - probability)) + 1)
        << line;
    true_bytes += bytes * blocks;
    estimate += bytes * recorded * stands_for;
    variance += bytes * bytes * blocks * (stands_for - 1);
  }
  EXPECT_EQ(sizes, 9);
  EXPECT_LT(std::abs(estimate - true_bytes), kMostDeviations * std::sqrt(variance));
}

TEST_P(Sample, LeavesNothingBehindOfBlocksThatAreFreed) {
  for (const char* sample : {"1", "100", "4k"}) {
    for (const char* more : {"write=behind:delay_ms=1", "write=sync"}) {
      SCOPED_TRACE(std::string(sample) + more);
      const std::string calls = std::string(more) == "write=sync" ? "2000" : "15000";
      const Outcome outcome = run_it("sampled", std::string("sample=") + sample + ":" + more, {"ways", calls});
      ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
      EXPECT_EQ(outcome.err, "");
      expect_clean(scratch_ / "mem");
    }
  }
}

TEST_P(Sample, OfAllIsWhatIsRecordedWithout) {
  const Outcome outcome = run_it("each_way", "sample=1");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_all_but_small(expected_by(outcome.out), records_in(scratch_ / "mem"));
  const Outcome of_new = run_it("each_new", "sample=1");
  ASSERT_TRUE(of_new.exited_with(0)) << of_new.describe();
  expect_all_but_small(expected_by(of_new.out), records_in(scratch_ / "mem"));
}

TEST_P(Sample, OfAllHasWhatTheMacroHookSaysAndForgetsNone) {
  const Outcome outcome = run_it("sampled", "sample=1M", {"pauses"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::vector<Expected> expected = expected_by(outcome.out);
  ASSERT_EQ(expected.size(), 2u);
  expected.erase(expected.begin());  // freed while paused
  const std::vector<Record> records = records_in(scratch_ / "mem");
  expect_exactly(expected, records);
  EXPECT_EQ(records.front().sample, 1u << 20);
  EXPECT_EQ(outcome.err, "leakdir: 1 live block, 7000003 bytes at exit in a sample (sample=1048576): ./mem" +
                             kinds_at_exit(scratch_ / "mem") + "\n");
}

TEST_P(Sample, IsAChildsOwnToo) {
  const Outcome outcome = run_it("sampled", "sample=10k", {"child"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(records_in(scratch_ / "mem"), testing::IsEmpty());
  int children = 0;
  for (const std::string& name : names_in(scratch_ / "mem")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    ++children;
    expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem/" + name));
    EXPECT_EQ(report(scratch_ / "mem/" + name).at("stacks").size(), 1u);
  }
  EXPECT_EQ(children, 1);
}

TEST_P(Sample, HandsADoubleFreeOnToTheAllocator) {
  const Outcome outcome = run_it("sampled", "sample=1G", {"twice"});
  EXPECT_TRUE(outcome.killed_by(SIGABRT)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("double free"));
  EXPECT_THAT(outcome.err, testing::Not(HasSubstr("leakdir")));
  EXPECT_TRUE(names_in(scratch_ / "mem", ".badfree").empty());
}

INSTANTIATE_TEST_SUITE_P(Linked, Sample, testing::Values("static", "pie", "preload"),
                         [](const testing::TestParamInfo<std::string>& info) { return info.param; });

class SampleOfAll : public Sample {};

TEST_P(SampleOfAll, HoldsWhereHandlersAllocateInTheMiddleOfAHook) {
  const Outcome outcome = run_it("signal_storm", "sample=1");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
}

TEST_P(SampleOfAll, HoldsInThreadsOfTheSmallestStack) {
  const Outcome outcome = run_it("small_stacks", "sample=1");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(records_in(scratch_ / "mem").size(), 16u);
}

TEST_P(SampleOfAll, BehavesAsTheAllocator) {
  const bool is_static = GetParam() == "static";
  const std::string bare = target("behaviour", is_static ? "none-static" : "none");
  const Outcome without = run_in(scratch_, bare, {"", {"sampled"}, {}, 60});
  for (const char* sample : {"sample=1", "sample=512k"}) {
    const Outcome with = run_it("behaviour", sample, {"sampled"});
    EXPECT_TRUE(with.exited_with(0)) << with.describe();
    EXPECT_EQ(with.out, without.out) << sample;
    EXPECT_EQ(with.err, without.err) << sample;
    expect_clean(scratch_ / "mem");
  }
}

TEST_P(SampleOfAll, ShowsWhatAKilledProcessHeld) {
  const Outcome outcome = run_it("leaks", "sample=1:write=never", {"20", "0", "abort"});
  EXPECT_TRUE(outcome.killed_by(SIGABRT)) << outcome.describe();
  const nlohmann::json json = report(scratch_ / "mem");
  EXPECT_EQ(json.at("state"), "killed");
  EXPECT_EQ(totals_of(json).blocks, 20u);
  EXPECT_TRUE(run_tool({"recover", scratch_ / "mem"}).exited_with(0));
  const std::vector<Record> records = records_in(scratch_ / "mem");
  ASSERT_EQ(records.size(), 20u);
  EXPECT_EQ(records.front().sample, 1u);
}

INSTANTIATE_TEST_SUITE_P(Linked, SampleOfAll, testing::Values("static", "pie", "preload"),
                         [](const testing::TestParamInfo<std::string>& info) { return info.param; });

class SampleInTheTool : public testing::Test {
 protected:
  Outcome keep(const std::string& options) {
    return run_in(scratch_, target("sampled", "pie"), {options, {"keep"}, {}, 60});
  }
  Scratch scratch_;
};

TEST_F(SampleInTheTool, EstimatesAreNearTheTruth) {
  const Outcome outcome = keep("sample=1k:write=never:reach=0");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const double true_bytes = std::stod(said(outcome.out, "kept", "bytes"));
  const double true_blocks = std::stod(said(outcome.out, "kept", "blocks"));
  const nlohmann::json json = report(scratch_ / "mem");
  EXPECT_EQ(json.at("sample").at("bytes"), 1024);
  EXPECT_LT(totals_of(json).blocks, true_blocks / 10);
  const nlohmann::json estimated = json.at("totals").at("estimated");
  const double deviation = estimated.at("bytes_deviation");
  EXPECT_LT(std::abs(estimated.at("bytes").get<double>() - true_bytes), 8 * deviation);
  EXPECT_LT(deviation, true_bytes / 20);
  // 20 000 blocks of 8 bytes each have a chance of one in 114, 8000 of 40 bytes of one in 25.
  EXPECT_LT(std::abs(estimated.at("blocks").get<double>() - true_blocks),
            kMostDeviations * std::sqrt(20000 * 113 + 8000 * 24));
  std::uint64_t recorded = 0;
  for (const auto& stack : json.at("stacks")) recorded += stack.at("blocks").get<std::uint64_t>();
  EXPECT_EQ(recorded, totals_of(json).blocks);
}

TEST_F(SampleInTheTool, CheckFindsLeaksAndNeverThatThereIsNone) {
  ASSERT_TRUE(keep("sample=16k:write=never").exited_with(0));
  const Outcome leak = run_tool({"check", scratch_ / "mem"});
  EXPECT_TRUE(leak.exited_with(23)) << leak.describe();
  EXPECT_THAT(leak.out,
              testing::MatchesRegex("leak: [0-9]+ live blocks, .*\\(in a sample; an estimated [0-9]+ blocks, .* in "
                                    "all\\).*\n"));
  const Outcome baseline = run_tool({"check", "--write-baseline", scratch_ / "known.json", scratch_ / "mem"});
  EXPECT_TRUE(baseline.exited_with(3)) << baseline.describe();
  EXPECT_EQ(baseline.out, "no trustworthy data: a baseline has all live blocks, and this is a sample of them\n");
  EXPECT_FALSE(exists(scratch_ / "known.json"));
  ASSERT_TRUE(
      run_tool({"report", "--format", "json", "-o", scratch_ / "sample.json", scratch_ / "mem"}).exited_with(0));
  const Outcome against = run_tool({"check", "--baseline", scratch_ / "sample.json", scratch_ / "mem"});
  EXPECT_TRUE(against.exited_with(1)) << against.describe();
  EXPECT_THAT(against.err, HasSubstr("is of a sample, in which stacks are missing"));

  // All of it is known: nothing new is seen, which proves nothing. Without what is known, something is.
  ASSERT_TRUE(keep("write=never").exited_with(0));
  ASSERT_TRUE(run_tool({"check", "--write-baseline", scratch_ / "all.json", scratch_ / "mem"}).exited_with(0));
  ASSERT_TRUE(keep("sample=16k:write=never").exited_with(0));
  const Outcome known = run_tool({"check", "--baseline", scratch_ / "all.json", scratch_ / "mem"});
  EXPECT_TRUE(known.exited_with(3)) << known.describe();
  EXPECT_THAT(known.out,
              testing::StartsWith("no trustworthy data: no new leak was seen, but a sample, one block in 16384"));
  EXPECT_THAT(known.err, testing::Not(HasSubstr("less is live")));

  ASSERT_TRUE(keep("sample=1G:write=never:min_size=5M").exited_with(0));
  const Outcome none = run_tool({"check", scratch_ / "mem"});
  EXPECT_TRUE(none.exited_with(3)) << none.describe();
  EXPECT_EQ(
      none.out,
      "no trustworthy data: no leak was seen, but a sample, one block in 1073741824 bytes on average, does not show "
      "that there is none\n");
}

TEST_F(SampleInTheTool, ASavedFileAndRecordFilesAreTheSameSample) {
  ASSERT_TRUE(keep("sample=16k:write=exit").exited_with(0));
  const nlohmann::json from_ledger = report(scratch_ / "mem").at("totals").at("estimated");
  ASSERT_TRUE(run_tool({"save", scratch_ / "saved", scratch_ / "mem"}).exited_with(0));
  EXPECT_EQ(report(scratch_ / "saved").at("totals").at("estimated"), from_ledger);
  EXPECT_EQ(report(scratch_ / "saved").at("sample").at("bytes"), 16384);
  ASSERT_EQ(unlink((scratch_ / "mem/.ledger").c_str()), 0);
  EXPECT_EQ(report(scratch_ / "mem").at("totals").at("estimated"), from_ledger);
  EXPECT_EQ(report(scratch_ / "mem").at("sample").at("bytes"), 16384);
}

TEST_F(SampleInTheTool, DiffComparesWhatIsEstimated) {
  ASSERT_TRUE(keep("sample=4k:write=never").exited_with(0));
  ASSERT_TRUE(run_tool({"save", scratch_ / "sample", scratch_ / "mem"}).exited_with(0));
  ASSERT_TRUE(keep("write=never").exited_with(0));
  const Outcome diff = run_tool({"diff", "--format", "json", scratch_ / "sample", scratch_ / "mem"});
  ASSERT_TRUE(diff.exited_with(0)) << diff.describe();
  const nlohmann::json json = nlohmann::json::parse(diff.out);
  EXPECT_EQ(json.at("old").at("sample").at("bytes"), 4096);
  EXPECT_FALSE(json.at("new").contains("sample"));
  const double estimated = json.at("old").at("bytes"), whole = json.at("new").at("bytes");
  EXPECT_LT(std::abs(estimated - whole), 0.1 * whole);  // a deviation is 0.6 percent of it
  EXPECT_LT(json.at("old").at("recorded").at("blocks"), 3000);
}

class SampleUpon : public testing::TestWithParam<std::string> {};

TEST_P(SampleUpon, AnotherAllocatorIsTheSame) {
  const Scratch scratch;
  const std::string kind = "preload-" + GetParam();
  for (const char* sample : {"1", "4k"}) {
    const Outcome outcome = run_in(scratch, target("sampled", kind),
                                   {std::string("sample=") + sample, {"ways", "50000", "plain"}, {}, 120});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    expect_clean(scratch / "mem");
  }
  const Outcome outcome = run_in(scratch, target("each_new", kind), {"sample=1", {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_all_but_small(expected_by(outcome.out), records_in(scratch / "mem"));
}

INSTANTIATE_TEST_SUITE_P(Others, SampleUpon, testing::Values("jemalloc", "tcmalloc", "mimalloc"),
                         [](const testing::TestParamInfo<std::string>& info) { return info.param; });

}  // namespace
}  // namespace leakdir_test
