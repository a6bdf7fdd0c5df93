// SPDX-License-Identifier: BSL-1.0
//
// Each option, and the four sources that options come from.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "defined.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

class Option : public testing::TestWithParam<std::string> {
 protected:
  Outcome run_leaks(const std::string& options, const std::vector<std::string>& arguments = {"3"}) {
    return run_in(scratch_, target("leaks", GetParam()), {options, arguments, {}, 60});
  }
  size_t records(const std::string& dir = "mem") { return records_in(scratch_ / dir).size(); }
  Scratch scratch_;
};

TEST_P(Option, EnabledOffLeavesNothingAtAll) {
  const Outcome outcome = run_leaks("enabled=0");
  EXPECT_TRUE(outcome.exited_with(0));
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(names_in(scratch_.path()).empty());
}

TEST_P(Option, RecordingOffRecordsNothingAndReportsNoBadFree) {
  const Outcome outcome = run_leaks("recording=0");
  EXPECT_TRUE(outcome.exited_with(0));
  EXPECT_EQ(outcome.err, "");
  expect_clean(scratch_ / "mem");
}

TEST_P(Option, DirPutsTheRecordsElsewhere) {
  run_leaks("dir=./one");
  EXPECT_EQ(records("one"), 3u);
  EXPECT_FALSE(exists(scratch_ / "mem"));
  run_leaks("dir=" + scratch_ / "two");
  EXPECT_EQ(records("two"), 3u);
}

TEST_P(Option, DirKnowsPidAndProgram) {
  Process leaks(command_for(scratch_, target("leaks", GetParam()), {"dir=./%e-%p%%p.d", {"3"}, {}, 60}));
  const Outcome outcome = leaks.wait();
  const std::string dir = "leaks." + GetParam() + "-" + std::to_string(leaks.pid()) + "%p.d";
  EXPECT_EQ(records(dir), 3u) << outcome.describe();
}

TEST_P(Option, MaxFilesLimitsTheFilesAndNotTheReport) {
  const Outcome outcome = run_leaks("max_files=5", {"20"});
  EXPECT_EQ(records(), 5u);
  EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, 20u);
  EXPECT_EQ(
      outcome.err,
      "leakdir: 20 live blocks, 40210 bytes at exit: ./mem (19 definitely lost, 1 still reachable; 15 have no file, "
      "14 of them lost: leakdir report ./mem, leakdir recover ./mem)\n");
}

TEST_P(Option, WriteNeverLeavesTheLedgerAlone) {
  const Outcome outcome = run_leaks("write=never", {"20"});
  EXPECT_EQ(
      outcome.err,
      "leakdir: 20 live blocks, 40210 bytes at exit: ./mem (19 definitely lost, 1 still reachable; no files: leakdir "
      "report ./mem, leakdir recover ./mem)\n");
  EXPECT_EQ(names_in(scratch_ / "mem"), std::vector<std::string>{".ledger"});
  EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, 20u);
  EXPECT_TRUE(run_tool({"recover", scratch_ / "mem"}).exited_with(0));
  EXPECT_EQ(records(), 20u);
}

TEST_P(Option, WriteNeverTellsOfABadFreeToo) {
  const std::string kind = GetParam() == "static-pie" ? "static" : GetParam();
  const Outcome outcome = run_in(scratch_, target("bad_free", kind), {"write=never", {"double"}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_NE(outcome.err.find(", see leakdir report ./mem\n"), std::string::npos) << outcome.err;
  EXPECT_EQ(names_in(scratch_ / "mem"), std::vector<std::string>{".ledger"});
  EXPECT_EQ(report(scratch_ / "mem")["bad_frees"].size(), 1u);
}

TEST_P(Option, MaxFilesHoldsInSyncModeToo) {
  run_leaks("max_files=5:write=sync", {"20"});
  EXPECT_EQ(records(), 5u);
  EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, 20u);
}

TEST_P(Option, MinSizeLeavesSmallBlocksOut) {
  const Outcome outcome = run_leaks("min_size=2010", {"20"});
  std::vector<std::uint64_t> expected;
  for (std::uint64_t size = 2010; size <= 2020; ++size) expected.push_back(size);
  EXPECT_EQ(sizes_of(records_in(scratch_ / "mem")), expected);
  EXPECT_TRUE(names_in(scratch_ / "mem", ".badfree").empty());
  // 20 blocks of 777 bytes, 9 of 2001 to 2009; libc has small ones of its own.
  EXPECT_GE(report(scratch_ / "mem")["not_recorded"]["below_min_size"], 29u);
}

TEST_P(Option, ExitcodeIsTheStatusWhenBlocksRemain) {
  EXPECT_TRUE(run_leaks("exitcode=23").exited_with(23));
  EXPECT_TRUE(run_leaks("exitcode=23", {"3", "0", "exit"}).exited_with(23));
  EXPECT_TRUE(run_leaks("exitcode=23", {"3", "0", "thread"}).exited_with(23));
  EXPECT_EQ(records(), 3u);
  if (libc_exits_while_a_thread_reads()) {
    EXPECT_TRUE(run_leaks("exitcode=23", {"3", "0", "reader"}).exited_with(23));
  }
  EXPECT_TRUE(run_leaks("exitcode=23", {"0"}).exited_with(0));
  EXPECT_TRUE(run_leaks("", {"3", "0", "status"}).exited_with(5));
  EXPECT_TRUE(run_leaks("exitcode=23", {"0", "0", "status"}).exited_with(5));
}

TEST_P(Option, ExitcodeKeepsWhatStdioHadBuffered) {
  const Outcome outcome = run_in(scratch_, target("clean_cxx", GetParam()), {"exitcode=23:libc=1", {}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(23)) << outcome.describe();
  EXPECT_NE(outcome.out.find("printed"), std::string::npos);
}

TEST_P(Option, SummaryIsOneLineOnlyWhenSomethingIsLive) {
  EXPECT_EQ(run_leaks("", {"1"}).err, "leakdir: 1 live block, 2001 bytes at exit: ./mem (1 still reachable)\n");
  EXPECT_EQ(run_leaks("", {"2"}).err,
            "leakdir: 2 live blocks, 4003 bytes at exit: ./mem (1 definitely lost, 1 still reachable)\n");
  EXPECT_EQ(run_leaks("", {"0"}).err, "");
  EXPECT_EQ(run_leaks("summary=0", {"2"}).err, "");
}

TEST_P(Option, HelpPrintsEveryKeyAndItsDefault) {
  const Outcome outcome = run_leaks("help=1");
  EXPECT_TRUE(outcome.exited_with(0));
  Names told;
  for (const std::string& line : all_in(outcome.err, "\n  (\\w+ +\\S+) ")) {
    const std::size_t end = line.find(' ');
    told.insert(line.substr(0, end) + line.substr(line.rfind(' ')));
  }
  Names keys;
  for (const auto& [name, value] : defined_options()) keys.insert(name + " " + value);
  EXPECT_EQ(told, keys) << outcome.err;
}

TEST_P(Option, UnknownIsSaidInOneLineAndIgnored) {
  const Outcome outcome = run_leaks("nonsense=1:exitcode=7:summary=0");
  EXPECT_TRUE(outcome.exited_with(7));
  ASSERT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
  EXPECT_NE(outcome.err.find("LEAKDIR_OPTIONS"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("nonsense"), std::string::npos) << outcome.err;
}

TEST_P(Option, BadValueIsSaidInOneLineAndTheDefaultHolds) {
  for (const std::string bad :
       {"depth=0", "depth=129", "depth=", "depth", "write=soon", "delay_ms=soon", "exitcode=256", "exitcode=-1",
        "dir=", "unwind=slow", "max_files=1x", "enabled=2", "min_size=99999999999999999999999"}) {
    SCOPED_TRACE(bad);
    const Outcome outcome = run_leaks(bad + ":summary=0");
    EXPECT_TRUE(outcome.exited_with(0));
    ASSERT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
    EXPECT_NE(outcome.err.find("LEAKDIR_OPTIONS"), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find(bad.substr(0, bad.find('='))), std::string::npos) << outcome.err;
    EXPECT_EQ(records(), 3u);
  }
}

TEST_P(Option, ComesFromTheConfigFile) {
  write_file(scratch_ / "leakdir.conf", "# a comment\n\n  dir = ./from-config # the rest\nexitcode=11\n");
  EXPECT_TRUE(run_leaks("").exited_with(11));
  EXPECT_EQ(records("from-config"), 3u);
  EXPECT_FALSE(exists(scratch_ / "mem"));
}

TEST_P(Option, ComesFromTheConfigFileThatTheEnvironmentNames) {
  write_file(scratch_ / "other.conf", "dir = ./from-other\n");
  write_file(scratch_ / "leakdir.conf", "dir = ./from-default\n");
  run_in(scratch_, target("leaks", GetParam()), {"", {"3"}, {{"LEAKDIR_CONFIG", scratch_ / "other.conf"}}, 60});
  EXPECT_EQ(records("from-other"), 3u);
  EXPECT_FALSE(exists(scratch_ / "from-default"));
}

TEST_P(Option, ErrorInTheConfigFileNamesFileAndLine) {
  write_file(scratch_ / "leakdir.conf", "summary = 0\n\nwrong = 1\ndepth = deep\n");
  const Outcome outcome = run_leaks("");
  const std::vector<std::string> lines = lines_of(outcome.err);
  ASSERT_EQ(lines.size(), 2u) << outcome.err;
  EXPECT_NE(lines[0].find("leakdir.conf:3"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("wrong"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("leakdir.conf:4"), std::string::npos) << lines[1];
  EXPECT_EQ(records(), 3u);
}

TEST_P(Option, ComesFromTheProgramItself) {
  const Outcome outcome = run_in(scratch_, target("own_defaults", GetParam()));
  EXPECT_TRUE(outcome.exited_with(9)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "own-records"));
}

TEST_P(Option, FromTheEnvironmentWinsOverTheConfigFileAndThatOverTheProgram) {
  const std::string program = target("own_defaults", GetParam());
  write_file(scratch_ / "leakdir.conf", "exitcode = 12\n");
  EXPECT_TRUE(run_in(scratch_, program).exited_with(12));
  EXPECT_EQ(records("own-records"), 1u);
  EXPECT_TRUE(run_in(scratch_, program, {"exitcode=13:dir=./by-env", {}, {}, 60}).exited_with(13));
  EXPECT_EQ(records("by-env"), 1u);
}

// Root becomes another effective user by the set-uid bit: the kernel then marks the program as one that must not trust
// its environment.
TEST_P(Option, FromTheEnvironmentIsIgnoredInASetUidProgram) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const Scratch programs(where_set_uid_counts());
  if (!set_uid_counts(programs.path())) GTEST_SKIP() << "everything is mounted nosuid";
  const std::string program = programs / "set-uid-program";
  std::filesystem::copy_file(target("leaks", GetParam()), program);
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0777), 0);
  ASSERT_EQ(chmod(programs.path().c_str(), 0755), 0);
  ASSERT_EQ(chown(program.c_str(), 65534, 65534), 0);
  ASSERT_EQ(chmod(program.c_str(), 04755), 0);
  write_file(scratch_ / "leakdir.conf", "dir = ./by-config\n");
  const Outcome outcome = run_in(scratch_, program, {"dir=./by-env", {"3"}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_FALSE(exists(scratch_ / "by-env"));
  EXPECT_FALSE(exists(scratch_ / "by-config"));
  EXPECT_EQ(records("mem"), 3u);
}

INSTANTIATE_TEST_SUITE_P(Linked, Option, testing::Values("static", "static-pie", "pie"),
                         [](const testing::TestParamInfo<std::string>& info) {
                           return info.param == "static-pie" ? std::string("static_pie") : info.param;
                         });

}  // namespace
}  // namespace leakdir_test
