// SPDX-License-Identifier: BSL-1.0
//
// Threads, forks, exits, signals, cancellation and plugins at their worst: nothing hangs, and what is recorded is
// exact.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using Sizes = std::vector<std::uint64_t>;

class AtItsWorst : public testing::TestWithParam<std::string> {
 protected:
  Outcome run_target(const std::string& name, const RunOptions& options = {}) {
    return run_in(scratch_, target(name, GetParam()), options);
  }
  std::string mem() const { return scratch_ / "mem"; }

  // The process may end while a thread has made a file and not yet written it: that file is empty.
  void take_empty_files_away(std::uint64_t workers) {
    std::uint64_t empty = 0;
    for (const std::string& name : names_in(mem(), ".mem")) {
      if (read_file(mem() + "/" + name).empty()) empty += std::filesystem::remove(mem() + "/" + name);
    }
    EXPECT_LE(empty, workers);
  }

  Scratch scratch_;
};

constexpr std::uint64_t kWorkers = 3;  // of ends_badly

TEST_P(AtItsWorst, ExitFromAThreadWhileOthersAllocateIsAnExit) {
  const Outcome outcome = run_target("ends_badly", {"", {"exit-from-thread"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Expected> expected = expected_by(outcome.out);
  EXPECT_EQ(expected.size(), 3u);
  const nlohmann::json json = report(mem());
  EXPECT_EQ(json.at("state"), "exited");
  expect_shown(json, expected, kWorkers);
  take_empty_files_away(kWorkers);
  const Sizes sizes = sizes_of(records_in(mem()));
  EXPECT_GE(sizes.size(), expected.size());
  EXPECT_LE(sizes.size(), expected.size() + kWorkers);
  for (const Expected& block : expected) EXPECT_EQ(std::count(sizes.begin(), sizes.end(), block.size), 1);
}

TEST_P(AtItsWorst, TheLastThreadEndsAProcessThatMainHasLeft) {
  const Outcome outcome = run_target("ends_badly", {"", {"main-leaves"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(expected_by(outcome.out).size(), 3u);
  expect_exactly(expected_by(outcome.out), records_in(mem()));
}

// To the kernel such a process looks like a zombie.
TEST_P(AtItsWorst, AProcessThatMainHasLeftKeepsItsDirectory) {
  Process first(command_for(scratch_, target("ends_badly", GetParam()), {"", {"main-leaves-early"}, {}, 60}));
  first.says("main has left");
  EXPECT_EQ(report(mem()).at("state"), "running");
  Process second(command_for(scratch_, target("ends_badly", GetParam()), {"", {"exec-again"}, {}, 60}));
  EXPECT_TRUE(second.wait().exited_with(0));
  EXPECT_EQ(sizes_of(records_in(mem() + "/" + std::to_string(second.pid()))), Sizes{4519});
  write_file(scratch_ / "end", "");
  const Outcome outcome = first.wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(mem()));
}

TEST_P(AtItsWorst, ExecLeavesTheRecordsOfBothPrograms) {
  for (const char* how : {"exec", "exec-from-thread"}) {
    SCOPED_TRACE(how);
    const Outcome outcome = run_target("ends_badly", {"", {how}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    std::vector<Expected> expected = expected_by(outcome.out);
    ASSERT_EQ(expected.back().size, 4519u);
    expect_exactly({expected.back()}, records_in(mem()));
    expected.pop_back();
    expect_shown(report(mem() + "/previous"), expected, kWorkers);
  }
}

TEST_P(AtItsWorst, AForkInAForkInAThreadKeepsEachGenerationApart) {
  const Outcome outcome = run_target("family", {"", {"5200"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  int generations = 0;
  for (int generation = 0; generation < 4; ++generation) {
    const Sizes expected = {5200 + static_cast<unsigned>(generation)};  // what is older is its parents'
    for (const std::string& line : lines_of(outcome.out)) {
      const std::string end = " generation=" + std::to_string(generation);
      if (line.size() < end.size() || line.substr(line.size() - end.size()) != end) continue;
      const std::string pid = line.substr(8, line.size() - end.size() - 8);
      const std::string dir = generation == 0 ? mem() : mem() + "/" + pid;
      Sizes sizes = sizes_of(records_in(dir));
      sizes.erase(std::remove(sizes.begin(), sizes.end(), 77u), sizes.end());  // a worker's, in its hands at the fork
      EXPECT_EQ(sizes, expected) << line;
      EXPECT_TRUE(names_in(dir, ".badfree").empty()) << line;
      // All come from one stack: what is inherited is shown with what is the child's own.
      std::uint64_t shown = 0, of_all = 0;
      const nlohmann::json json = report(dir);
      for (const auto& stack : json.at("stacks"))
        shown += stack.at("bytes") >= 5200 ? stack.at("bytes").get<std::uint64_t>() : 0;
      for (int i = 0; i <= generation; ++i) of_all += 5200 + static_cast<unsigned>(i);
      EXPECT_EQ(shown, of_all) << line;
      ++generations;
    }
  }
  EXPECT_EQ(generations, 4) << outcome.out;
}

TEST_P(AtItsWorst, ADaemonHasItsRecordsBesideItsParents) {
  for (const char* how : {"daemon", "double"}) {
    SCOPED_TRACE(how);
    unlink((scratch_ / "daemon.pid").c_str());
    const Outcome outcome = run_target("daemon", {"", {how}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    std::string pid;
    for (int i = 0; i < 20000 && (pid.empty() || pid.back() != '\n'); ++i) {
      usleep(1000);
      if (exists(scratch_ / "daemon.pid")) pid = read_file(scratch_ / "daemon.pid");
    }
    ASSERT_FALSE(pid.empty()) << "no daemon";
    pid.pop_back();
    const std::string dir = mem() + "/" + pid;
    for (int i = 0; i < 20000 && report(dir).at("state") != "exited"; ++i) usleep(1000);
    EXPECT_EQ(sizes_of(records_in(dir)), Sizes{4621});
    EXPECT_EQ(totals_of(report(dir)).blocks, 2u);  // with the one that it has inherited, and not freed
    EXPECT_TRUE(names_in(dir, ".badfree").empty());
    EXPECT_EQ(totals_of(report(mem())).blocks, 2u);  // the parent left by _exit, with both of its blocks
  }
}

TEST_P(AtItsWorst, CancelledThreadsLeaveWhatTheirHandlersLeave) {
  const Outcome outcome = run_target("cancelled");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(expected_by(outcome.out).size(), 4u);
  expect_exactly(expected_by(outcome.out), records_in(mem()));
  EXPECT_TRUE(names_in(mem(), ".badfree").empty());
}

TEST_P(AtItsWorst, AThousandThreadsOfTheSmallestStackRunAtOnce) {
  const Outcome outcome = run_target("small_stacks", {"", {"at-once"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  Sizes expected;
  for (std::uint64_t i = 0; i < 1000; ++i) expected.push_back(7001 + i);
  EXPECT_EQ(sizes_of(records_in(mem())), expected);
}

INSTANTIATE_TEST_SUITE_P(Linked, AtItsWorst, testing::Values("static", "pie"));

#ifdef __x86_64__
// A handler enters leakdir again at each instruction of each hook; what it keeps is recorded like all else.
class Stepped : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(Stepped, EachInstructionOfAHookMayBeInterrupted) {
  const auto& [kind, write] = GetParam();
  const Scratch scratch(in_memory());
  const std::map<std::string, std::string> tunables = {{"GLIBC_TUNABLES", "glibc.malloc.tcache_count=6000"}};
  const Outcome outcome = run_in(scratch, target("stepped", kind), {"write=" + write, {"1"}, tunables, 300});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_GT(std::stol(said(outcome.out, "stepped", "steps")), 3000);
  const std::uint64_t kept = std::stoul(said(outcome.out, "stepped", "kept"));
  std::vector<Record> of_program;
  std::uint64_t of_handler = 0;
  for (const Record& record : records_in(scratch / "mem")) {
    if (record.size == 504) {
      ++of_handler;
    } else {
      of_program.push_back(record);
    }
  }
  EXPECT_EQ(of_handler, kept);
  expect_exactly(expected_by(outcome.out), of_program);
  EXPECT_TRUE(names_in(scratch / "mem", ".badfree").empty());
}

#ifdef LONG_TESTS
const std::vector<std::string> kWrites = {"behind", "exit", "sync"};
const std::string kStride = "7";
#else
const std::vector<std::string> kWrites = {"behind"};
const std::string kStride = "97";
#endif
INSTANTIATE_TEST_SUITE_P(Linked, Stepped,
                         testing::Combine(testing::Values("static", "pie"), testing::ValuesIn(kWrites)),
                         [](const testing::TestParamInfo<Stepped::ParamType>& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

// (Not in a static program: libgcc's unwinder itself, which pthread_exit needs there, holds a lock meanwhile.)
TEST(Dying, ThreadsInTheMiddleOfAHookTakeNothingWithThem) {
#if !__GLIBC_PREREQ(2, 35)
  // The first stack through a place asks dl_iterate_phdr. Nothing but the callback is leakdir's there.
  GTEST_SKIP() << "this glibc keeps the loader's lock for a thread that ends in a callback of dl_iterate_phdr";
#endif
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("dies_inside", "pie"), {"", {kStride}, {}, 300});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_GT(std::stol(said(outcome.out, "died", "threads")), 10);
  const std::vector<Record> all = records_in(scratch / "mem");
  std::vector<Record> of_main;
  std::copy_if(all.begin(), all.end(), std::back_inserter(of_main), [](const Record& r) { return r.size != 104; });
  expect_exactly(expected_by(outcome.out), of_main);
  EXPECT_TRUE(names_in(scratch / "mem", ".badfree").empty());
}
#endif

// Libraries that come and go at the same address: each block is known by its own library, and the ledger does not grow.
TEST(Reloaded, LibrariesKeepTheirNamesAndCostNothing) {
  const Scratch scratch;
  const std::string a = std::string(kTargets) + "/reloaded_a.so", b = std::string(kTargets) + "/reloaded_b.so";
  const Outcome outcome = run_in(scratch, target("reloads", "pie"), {"", {"3000", a, b}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(said(outcome.out, "grew", "kib"), "0");
  const std::vector<Record> records = records_in(scratch / "mem");
  EXPECT_EQ(sizes_of(records), (Sizes{5401, 5401, 5401, 5402, 5402, 5402}));
  for (const Record& record : records) {
    ASSERT_FALSE(record.stack.frames.empty());
    EXPECT_EQ(record.stack.frames[0].module, record.size == 5401 ? a : b);
  }
}

// What a library holds that was closed, and is to stay (RTLD_NODELETE), is held, as is what the loader keeps for it.
TEST(Reloaded, LibrariesThatStayHoldWhatTheyHeld) {
  const Scratch scratch;
  const std::string a = std::string(kTargets) + "/reloaded_a.so", b = std::string(kTargets) + "/reloaded_b.so";
  const Outcome outcome = run_in(scratch, target("reloads", "pie"), {"", {"6", a, b, "stay"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::map<std::string, Sizes> held, lost;
  for (const Record& record : records_in(scratch / "mem")) {
    const std::string& module = record.stack.frames.at(0).module;
    if (module == a || module == b) {
      (record.reach == "definitely lost" ? lost : held)[module].push_back(record.size);
    } else {
      EXPECT_EQ(record.reach, "still reachable") << record.file;
    }
  }
  EXPECT_EQ(held, (std::map<std::string, Sizes>{{a, {5401}}, {b, {5402}}}));
  EXPECT_EQ(lost, (std::map<std::string, Sizes>{{a, {5401, 5401}}, {b, {5402, 5402}}}));
}

// What the loader allocates is not looked at here, so nothing tells that one library lies where the other did.
TEST(Reloaded, LibrariesOfTheSameLayoutKeepTheirNamesUnseen) {
  const Scratch scratch;
  const std::string a = std::string(kTargets) + "/reloaded_a.so", c = std::string(kTargets) + "/reloaded_c.so";
  const Outcome outcome = run_in(scratch, target("reloads", "pie"), {"min_size=5000", {"100", a, c}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Record> records = records_in(scratch / "mem");
  EXPECT_EQ(sizes_of(records), (Sizes{5401, 5401, 5401, 5402, 5402, 5402}));
  for (const Record& record : records) {
    ASSERT_FALSE(record.stack.frames.empty());
    EXPECT_EQ(record.stack.frames[0].module, record.size == 5401 ? a : c);
  }
}

}  // namespace
}  // namespace leakdir_test
