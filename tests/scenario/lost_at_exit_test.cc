// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, as the program itself finds it out at exit: in the ledger, in the records, and in DIR/lost/.

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "expected_kinds.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

namespace fs = std::filesystem;

class LostAtExit : public testing::TestWithParam<std::string> {
 protected:
  Outcome run_to_exit(const std::string& options, const std::string& how = "exit") {
    return run_in(scratch_, target("lost_and_held", GetParam()), {options, {how}, {}, 60});
  }
  static std::string line_at_exit(const Outcome& outcome, const std::string& more) {
    std::uint64_t bytes = 0;
    const Kinds kinds = expected_kinds(outcome.out);
    for (const auto& kind : kinds) bytes += kind.second;
    return "leakdir: " + std::to_string(kinds.size()) + " live blocks, " + std::to_string(bytes) +
           " bytes at exit: ./mem" + more + "\n";
  }
  static Kinds lost_of(const Kinds& all) {
    Kinds lost;
    for (const auto& kind : all)
      if (kind.first != "reachable") lost.insert(kind);
    return lost;
  }

  Scratch scratch_;
};

TEST_P(LostAtExit, EachBlockHasItsKindInLedgerRecordsAndLostDirectory) {
  for (const char* options : {"write=behind", "write=behind:delay_ms=1", "write=sync", "write=exit"}) {
    SCOPED_TRACE(options);
    const Outcome outcome = run_to_exit(options);
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const Kinds expected = expected_kinds(outcome.out);
    ASSERT_GT(lost_of(expected).size(), 10u);
    EXPECT_EQ(kinds_in(report(scratch_ / "mem")), expected);
    EXPECT_EQ(kinds_in_records(scratch_ / "mem"), expected);
    EXPECT_EQ(kinds_in_records(scratch_ / "mem/lost"), lost_of(expected));
    EXPECT_EQ(outcome.err, line_at_exit(outcome, kinds_at_exit(expected)));
  }
  // The run before lies in previous/, with what it lost; that before it is gone.
  EXPECT_FALSE(records_in(scratch_ / "mem/previous/lost").empty());
  EXPECT_FALSE(fs::exists(scratch_ / "mem/previous/previous"));
}

TEST_P(LostAtExit, LostBlocksHaveTheirFilesFirst) {
  for (const std::string write : {"write=exit", "write=sync", "write=behind:delay_ms=1"}) {
    SCOPED_TRACE(write);
    Outcome outcome = run_to_exit(write + ":max_files=12:summary=0");
    const Kinds lost = lost_of(expected_kinds(outcome.out));
    ASSERT_GT(lost.size(), 12u);
    EXPECT_EQ(records_in(scratch_ / "mem").size(), 12u);
    EXPECT_EQ(kinds_in_records(scratch_ / "mem/lost"), kinds_in_records(scratch_ / "mem"));
    // Room for all of them, which held blocks took before anybody knew.
    outcome = run_to_exit(write + ":max_files=" + std::to_string(lost.size()) + ":summary=0");
    EXPECT_EQ(kinds_in_records(scratch_ / "mem"), lost);
    EXPECT_EQ(kinds_in_records(scratch_ / "mem/lost"), lost);
    EXPECT_EQ(kinds_in(report(scratch_ / "mem")), expected_kinds(outcome.out));
  }
}

// In lost_beside_held each caller makes blocks of one thousand.
std::set<std::uint64_t> callers_of(const Kinds& kinds) {
  std::set<std::uint64_t> callers;
  for (const auto& kind : kinds) callers.insert(kind.second / 1000);
  return callers;
}

constexpr const char* kWaysToWrite[] = {"write=behind:delay_ms=1", "write=sync", "write=exit"};

// What can still be reached has taken all places by then, after some lost blocks and before others.
TEST_P(LostAtExit, WhatIsHeldGivesItsFilesToWhatIsLost) {
  for (const std::string write : kWaysToWrite) {
    SCOPED_TRACE(write);
    const Outcome outcome =
        run_in(scratch_, target("lost_beside_held", GetParam()), {write + ":max_files=13", {"60"}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const Kinds expected = expected_kinds(outcome.out);
    ASSERT_EQ(lost_of(expected).size(), 11u);
    EXPECT_EQ(kinds_in_records(scratch_ / "mem/lost"), lost_of(expected));
    const Kinds all = kinds_in_records(scratch_ / "mem");
    EXPECT_EQ(all.size(), 13u);
    EXPECT_EQ(lost_of(all), lost_of(expected));
    EXPECT_NE(outcome.err.find("; 58 have no file: leakdir report"), std::string::npos) << outcome.err;
    // What gave way was of the stack that had most files.
    if (write != "write=exit") {
      EXPECT_EQ(callers_of(all), callers_of(expected));
    }
  }
}

TEST_P(LostAtExit, WhereNotAllLostBlocksHaveFilesEachStackHasOneDefinitelyLostFirst) {
  for (const std::string write : kWaysToWrite) {
    for (const std::size_t files : {3u, 4u, 6u}) {
      SCOPED_TRACE(write + " " + std::to_string(files));
      const Outcome outcome = run_in(scratch_, target("lost_beside_held", GetParam()),
                                     {write + ":max_files=" + std::to_string(files), {"60"}, {}, 60});
      ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
      const Kinds lost = kinds_in_records(scratch_ / "mem/lost");
      EXPECT_EQ(lost.size(), files);
      EXPECT_EQ(kinds_in_records(scratch_ / "mem"), lost);
      const std::set<std::uint64_t> definite = {1, 4, 5}, each = {1, 4, 5, 6};
      EXPECT_EQ(callers_of(lost), files == 3 ? definite : each);
      EXPECT_EQ(outcome.err, line_at_exit(outcome, kinds_at_exit(expected_kinds(outcome.out),
                                                                 std::to_string(71 - files) + " have no file, " +
                                                                     std::to_string(11 - files) +
                                                                     " of them lost: leakdir report ./mem, leakdir "
                                                                     "recover ./mem")));
    }
  }
}

TEST_P(LostAtExit, NobodyLooksWithoutTheOption) {
  const Outcome outcome = run_to_exit("reach=0");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_FALSE(fs::exists(scratch_ / "mem/lost"));
  for (const Record& record : records_in(scratch_ / "mem")) EXPECT_EQ(record.reach, "");
  EXPECT_EQ(report(scratch_ / "mem").at("totals").count("kinds"), 0u);
  EXPECT_EQ(outcome.err, line_at_exit(outcome, ""));
}

// What only a thread may hold that runs on is neither held nor lost, and the line says so.
TEST_P(LostAtExit, BesideOtherThreadsWhatIsNotKnownIsCounted) {
  if (!libc_exits_while_a_thread_reads()) GTEST_SKIP() << "this libc waits for the thread that reads";
  const Outcome outcome = run_in(scratch_, target("leaks", GetParam()), {"", {"3", "0", "reader"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.err,
            "leakdir: 3 live blocks, 6006 bytes at exit: ./mem (1 still reachable, 2 not known, as other threads were "
            "running)\n");
}

TEST_P(LostAtExit, NothingIsLeftBehindForTheLedgerAlone) {
  const Outcome outcome = run_to_exit("write=never");
  const Kinds expected = expected_kinds(outcome.out);
  EXPECT_EQ(kinds_in(report(scratch_ / "mem")), expected);
  EXPECT_FALSE(fs::exists(scratch_ / "mem/lost"));
  ASSERT_TRUE(run_tool({"recover", scratch_ / "mem"}).exited_with(0));
  EXPECT_EQ(kinds_in_records(scratch_ / "mem"), expected);
  EXPECT_EQ(kinds_in_records(scratch_ / "mem/lost"), lost_of(expected));
}

TEST_P(LostAtExit, AProcessWithoutItsFirstThreadLooksToo) {
  const Outcome outcome = run_in(scratch_, target("first_thread_ended", GetParam()), {"", {"exit"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(kinds_in(report(scratch_ / "mem")), expected_kinds(outcome.out));
}

// No static program: there a library with thread-local data cannot be opened, with leakdir or without.
TEST_P(LostAtExit, VariablesOfALibraryEndWithTheirThread) {
  if (GetParam().rfind("static", 0) == 0) GTEST_SKIP() << "opens no such library";
  for (const char* how : {"joined", "left", "joined,closed", "left,closed"}) {
    const Outcome outcome = run_in(scratch_, target("ended_thread_in_library", GetParam()),
                                   {"", {std::string(kTargets) + "/thread_local_library.so", how, "exit"}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const Kinds kinds = kinds_in(report(scratch_ / "mem", {"--kinds", "all"}));
    for (const auto& block : expected_kinds(outcome.out)) EXPECT_EQ(kinds.count(block), 1u) << how << block.second;
  }
}

// Only of a program that asks how much it may use does it matter what lies behind the end of a block.
TEST_P(LostAtExit, WhatMallocUsableSizeLetsAProgramUseHolds) {
  for (const char* asks : {"", "asks"}) {
    const Outcome outcome = run_in(scratch_, target("usable_size", GetParam()), {"", {asks, "exit"}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(kinds_in(report(scratch_ / "mem")), expected_kinds(outcome.out)) << asks;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, LostAtExit, testing::Values("static", "static-pie", "pie", "preload"),
                         [](const auto& info) { return case_name(info.param); });

}  // namespace
}  // namespace leakdir_test
