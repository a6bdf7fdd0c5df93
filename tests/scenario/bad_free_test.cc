// SPDX-License-Identifier: BSL-1.0
//
// Bad frees: told apart, recorded with every stack that is known, and the program goes on with an intact heap.

#include <gtest/gtest.h>
#include <signal.h>

#include "addr2line.hh"
#include "bad_free_kinds.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

void expect_place(const BadFreeRecord& record, const Stack& stack, const std::string& function,
                  const std::string& line) {
  SCOPED_TRACE(function);
  ASSERT_FALSE(stack.frames.empty());
  const Place place = addr2line(record.program, stack.frames[0].offset);
  EXPECT_EQ(place.function, function);
  EXPECT_EQ(std::to_string(place.line), line);
  EXPECT_EQ(place.file, "bad_free.c");
}

class BadFree : public testing::TestWithParam<std::tuple<std::string, std::string, Bad>> {
 protected:
  Outcome run_bad(const std::string& more_options = "") {
    const auto& [kind, write, bad] = GetParam();
    return run_in(scratch_, target("bad_free", kind), {"write=" + write + more_options, {bad.argument}, {}, 60});
  }
  Scratch scratch_;
};

TEST_P(BadFree, IsRecordedWithItsStacksAndTheProgramGoesOn) {
  const Bad& bad = std::get<2>(GetParam());
  const bool is_realloc = std::string(bad.argument).rfind("realloc", 0) == 0;
  const Outcome outcome = run_bad();
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_NE(outcome.out.find("goes on"), std::string::npos);
  if (!is_realloc) {
    EXPECT_EQ(said(outcome.out, "at", "errno"), "4711");
  }
  EXPECT_NE(outcome.err.find(bad.kind), std::string::npos) << outcome.err;

  const std::vector<BadFreeRecord> records = bad_frees_in(scratch_ / "mem");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].kind, bad.kind);
  EXPECT_EQ(records[0].address, std::stoull(said(outcome.out, "at", "address"), nullptr, 16));
  expect_place(records[0], records[0].free, is_realloc ? "realloc_badly" : "free_badly",
               said(outcome.out, "at", "free"));
  EXPECT_EQ(records[0].first_free.frames.empty(), !bad.first_free);
  if (bad.first_free) {
    expect_place(records[0], records[0].first_free, "free_first", said(outcome.out, "at", "first"));
  }
  EXPECT_EQ(records[0].allocation.frames.empty(), !bad.allocation);
  EXPECT_EQ(records[0].has_block, bad.allocation);
  if (bad.allocation) {
    expect_place(records[0], records[0].allocation, "allocate", said(outcome.out, "at", "allocation"));
    EXPECT_EQ(records[0].block_size, 1501u);
  }
}

TEST_P(BadFree, IsInTheReport) {
  const Bad& bad = std::get<2>(GetParam());
  const Outcome outcome = run_bad();
  const nlohmann::json json = report(scratch_ / "mem");
  ASSERT_EQ(json.at("bad_frees").size(), 1u);
  const nlohmann::json& found = json.at("bad_frees")[0];
  EXPECT_EQ(found.at("kind"), bad.kind);
  EXPECT_EQ(found.at("address"), said(outcome.out, "at", "address"));
  EXPECT_EQ(found.at("stacks").at("free").at(0).at("line"), std::stoi(said(outcome.out, "at", "free")));
  if (bad.first_free) {
    EXPECT_EQ(found.at("stacks").at("first_free").at(0).at("line"), std::stoi(said(outcome.out, "at", "first")));
  }
  if (bad.allocation) {
    EXPECT_EQ(found.at("stacks").at("allocation").at(0).at("line"), std::stoi(said(outcome.out, "at", "allocation")));
  }
}

TEST_P(BadFree, StopsTheProgramWhenAskedTo) {
  const Outcome outcome = run_bad(":on_bad_free=abort");
  EXPECT_TRUE(outcome.killed_by(SIGABRT)) << outcome.describe();
  EXPECT_EQ(outcome.out.find("goes on"), std::string::npos);
  ASSERT_EQ(bad_frees_in(scratch_ / "mem").size(), 1u);
  EXPECT_EQ(bad_frees_in(scratch_ / "mem")[0].kind, std::get<2>(GetParam()).kind);
}

INSTANTIATE_TEST_SUITE_P(Linked, BadFree,
                         testing::Combine(testing::Values("static", "pie"), testing::Values("behind", "sync"),
                                          testing::ValuesIn(kBads)),
                         [](const testing::TestParamInfo<BadFree::ParamType>& info) {
                           return case_name(std::string(std::get<2>(info.param).argument) + "_" +
                                            std::get<0>(info.param) + "_" + std::get<1>(info.param));
                         });

INSTANTIATE_TEST_SUITE_P(Preloaded, BadFree,
                         testing::Combine(testing::Values("preload"), testing::Values("behind"),
                                          testing::ValuesIn(kBads)),
                         [](const testing::TestParamInfo<BadFree::ParamType>& info) {
                           return case_name(std::get<2>(info.param).argument);
                         });

TEST(BadFreeAgain, OfTheSameBlockIsCounted) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("bad_free", "static"), {"", {"thrice"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  ASSERT_EQ(bad_frees_in(scratch / "mem").size(), 1u);
  EXPECT_EQ(bad_frees_in(scratch / "mem")[0].kind, "double free");
  EXPECT_NE(outcome.err.find("2 bad frees"), std::string::npos) << outcome.err;
}

// A block that was not recorded is never called a bad free, and its address never one of an earlier block.
class Paused : public testing::TestWithParam<std::tuple<std::string, std::string, std::string>> {};

TEST_P(Paused, PhaseNeverGivesABadFree) {
  const auto& [kind, how, write] = GetParam();
  const Scratch scratch;
  // Without the helper of `behind`, it is the file at start that makes one.
  if (write == "sync") write_file(scratch / "leakdir.conf", "recording = 1\n");
  const Outcome outcome = run_in(scratch, target("paused", kind), {"write=" + write, {how}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_TRUE(names_in(scratch / "mem", ".badfree").empty());
  EXPECT_EQ(outcome.err.find("free"), std::string::npos) << outcome.err;
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
}

INSTANTIATE_TEST_SUITE_P(Linked, Paused,
                         testing::Combine(testing::Values("static", "pie"), testing::Values("api", "file"),
                                          testing::Values("behind", "sync")),
                         [](const testing::TestParamInfo<Paused::ParamType>& info) {
                           return std::get<0>(info.param) + "_by_" + std::get<1>(info.param) + "_" +
                                  std::get<2>(info.param);
                         });

}  // namespace
}  // namespace leakdir_test
