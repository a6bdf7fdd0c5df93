// SPDX-License-Identifier: BSL-1.0
//
// `leakdir check`, as a job of continuous integration has it: one line and an exit status, for each of the three
// outcomes, on programs that run, have ended or were killed.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "paths.hh"
#include "report_json.hh"
#include "schemas.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr int kNoLeak = 0, kLeak = 23, kNoTrust = 3;

class Check : public testing::Test {
 protected:
  // The line. Where there is no leak it is all that is said.
  std::string check(int status, std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), "check");
    outcome_ = run_tool(arguments, scratch_.path());
    EXPECT_TRUE(outcome_.exited_with(status)) << outcome_.describe();
    const auto lines = lines_of(outcome_.out);
    if (status == kLeak)
      EXPECT_GT(lines.size(), 3u) << "and the stacks: " << outcome_.describe();
    else
      EXPECT_EQ(lines.size(), 1u) << outcome_.describe();
    return lines.empty() ? "" : lines[0];
  }

  void leave(const std::string& name, const std::string& kind, const RunOptions& options = {}) {
    run_in(scratch_, target(name, kind), options);
  }

  // The part of a line that does not depend on where the sources are.
  static std::string until_directory(const std::string& line) { return line.substr(0, line.find(" /")); }

  Scratch scratch_;
  Outcome outcome_;
};

class CheckLinked : public Check, public testing::WithParamInterface<std::string> {};

TEST_P(CheckLinked, FindsNoLeakInACleanProgram) {
  leave("clean_cxx", GetParam());
  EXPECT_THAT(check(kNoLeak), MatchesRegex("no leak: nothing is live after [0-9]+ allocations and [0-9]+ frees: /.*"));
  EXPECT_EQ(outcome_.err, "");
}

TEST_P(CheckLinked, FindsTheLeakOfAProgramThatHasEnded) {
  leave("leaks", GetParam(), {"", {"3"}, {}, 60});
  const std::string line = check(kLeak);
  EXPECT_EQ(until_directory(line), "leak: 3 live blocks, 6006 bytes in 1 stack; the largest: leak_sized");
  EXPECT_THAT(line, MatchesRegex(".*/leaks.c:[0-9]+"));
}

TEST_P(CheckLinked, FindsTheLeakOfAProgramThatWasKilled) {
  leave("leaks", GetParam(), {"", {"3", "0", "crash"}, {}, 60});
  EXPECT_EQ(until_directory(check(kLeak)),
            "leak: 3 live blocks, 6006 bytes in 1 stack (it did not leave through exit); the largest: leak_sized");
}

TEST_P(CheckLinked, SaysOfARunningProgramWhatIsLiveNow) {
  Process program(command_for(scratch_, target("leaks", GetParam()), {"", {"3", "60000"}, {}, 90}));
  program.says("leaked");
  EXPECT_EQ(until_directory(check(kLeak)),
            "leak: 3 live blocks, 6006 bytes in 1 stack (it is still running); the largest: leak_sized");
  EXPECT_THAT(check(kNoLeak, {"--min-age", "3600"}), HasSubstr("(it is still running)"));
  program.kill(SIGKILL);
  program.wait();
}

TEST_P(CheckLinked, FailsOnABadFreeWithoutALeak) {
  leave("bad_free", GetParam(), {"", {"double"}, {}, 60});
  EXPECT_EQ(until_directory(check(kLeak)), "no leak, but 1 bad free; double free: free_badly");
}

INSTANTIATE_TEST_SUITE_P(Linked, CheckLinked, testing::Values("static", "pie"));

TEST_F(Check, DoesNotTrustADirectoryThatLeakdirDidNotWrite) {
  EXPECT_THAT(check(kNoTrust), HasSubstr("no trustworthy data: ./mem: no such directory"));
  std::filesystem::create_directory(scratch_ / "mem");
  EXPECT_THAT(check(kNoTrust), HasSubstr("no trustworthy data: ./mem has neither a ledger nor record files"));
  write_file(scratch_ / "mem/.ledger", "something else");
  EXPECT_THAT(check(kNoTrust), testing::EndsWith("no trustworthy data: ./mem/.ledger is not a leakdir ledger"));
}

TEST_F(Check, DoesNotTrustAProgramThatWasLinkedWithoutLeakdir) {
  leave("leaks", "none");
  EXPECT_THAT(check(kNoTrust), HasSubstr("did the program run, linked with leakdir?"));
}

// What it left when leakdir was in it says nothing of what was built since, and never ran, or ran without leakdir.
TEST_F(Check, DoesNotTrustWhatABuildBeforeThisOneLeft) {
  const std::string program = scratch_ / "program";
  const auto build = [&](const std::string& code, const std::vector<std::string>& with) {
    write_file(scratch_ / "program.c", "#include <stdlib.h>\nint main(void) { " + code + " return 0; }\n");
    Command command = {{"gcc", "-g", scratch_ / "program.c", "-o", program}, "", {}, "", 60};
    command.argv.insert(command.argv.end(), with.begin(), with.end());
    ASSERT_TRUE(run(command).exited_with(0));
  };
  build("free(malloc(10));", {kObject});
  ASSERT_TRUE(run_in(scratch_, program).exited_with(0));
  check(kNoLeak, {"--write-baseline", "known.json"});
  ASSERT_TRUE(run_tool({"save", "before.leaks"}, scratch_.path()).exited_with(0));
  const std::string earlier = read_file(program);
  build("return malloc(1000) == 0;", {});
  ASSERT_TRUE(run_in(scratch_, program).exited_with(0));
  const auto replaced = [&] {
    return MatchesRegex(".*" + program +
                        " is another build since \\(build-id [0-9a-f]+; what ran had [0-9a-f]+\\), "
                        "which has left nothing here\n?");
  };
  EXPECT_THAT(check(kNoTrust), AllOf(StartsWith("no trustworthy data: no leak was seen, but /"), replaced()));
  EXPECT_THAT(check(kNoTrust, {"--lost"}), replaced());
  EXPECT_THAT(check(kNoTrust, {"--baseline", "known.json"}), replaced());
  EXPECT_THAT(check(kNoTrust, {"--write-baseline", "new.json"}), replaced());
  EXPECT_FALSE(exists(scratch_ / "new.json"));
  EXPECT_THAT(run_tool({"report"}, scratch_.path()).out, HasSubstr("\nwarning: " + program + " is another build"));
  check(kNoLeak, {"before.leaks"});  // that is kept to be compared with what comes later

  // What ran is there again; that the file is newer says nothing.
  write_file(program + ".earlier", earlier);
  std::filesystem::rename(program + ".earlier", program);
  check(kNoLeak);
  build("return malloc(1000) == 0;", {kObject});
  std::filesystem::remove_all(scratch_ / "mem");
  ASSERT_TRUE(run_in(scratch_, program).exited_with(0));
  check(kLeak);
  build("return malloc(2000) == 0;", {kObject});
  check(kLeak);  // what leaked did leak
}

TEST_F(Check, DoesNotTrustALedgerWithoutACall) {
  leave("empty", "pie");
  EXPECT_THAT(check(kNoTrust), HasSubstr("saw no call: the hooks did not run"));
}

TEST_F(Check, OfATreeALeakCountsThoughAnotherProcessIsNotTrusted) {
  leave("leaks", "pie", {"", {"3"}, {}, 60});
  leave("empty", "pie", {"dir=mem/77", {}, {}, 60});
  EXPECT_THAT(check(kLeak, {"--all"}), StartsWith("leak: "));
  leave("clean_cxx", "pie");
  leave("empty", "pie", {"dir=mem/77", {}, {}, 60});
  EXPECT_THAT(check(kNoTrust, {"--all"}),
              MatchesRegex("no trustworthy data: no leak was seen, but process [0-9]+: leakdir was there, but saw no "
                           "call: .*"));
}

TEST_F(Check, DoesNotTrustARunThatWasPausedAllTheTime) {
  for (const char* kind : {"static", "pie"}) {
    leave("leaks", kind, {"recording=0", {"3"}, {}, 60});
    EXPECT_EQ(check(kNoTrust),
              "no trustworthy data: recording was paused from the start, and nobody switched it on: nothing was "
              "recorded");
    leave("paused", kind, {"", {"api"}, {}, 60});  // it pauses a part that it chose itself
    check(kLeak);
  }
}

TEST_F(Check, DoesNotTrustALedgerThatIsCutShort) {
  leave("leaks", "static", {"", {"3"}, {}, 60});
  std::filesystem::resize_file(scratch_ / "mem/.ledger", std::filesystem::file_size(scratch_ / "mem/.ledger") - 8192);
  EXPECT_THAT(check(kNoTrust), StartsWith("no trustworthy data: the ledger is "));
}

TEST_F(Check, DoesNotTrustRecordsWithoutALedger) {
  leave("leaks", "static");
  std::filesystem::remove(scratch_ / "mem/.ledger");
  EXPECT_THAT(check(kNoTrust), HasSubstr("./mem has no ledger"));
}

TEST_F(Check, DoesNotTrustALedgerThatHadToDropBlocks) {
  // A small address space is one for a small ledger.
  const Outcome program = run({{"sh", "-c", "ulimit -v 65536; exec " + target("known_leaks", "static") + " 0 many"},
                               scratch_.path(),
                               {},
                               "",
                               60});
  ASSERT_TRUE(program.exited_with(0)) << program.describe();
  EXPECT_THAT(check(kNoTrust),
              MatchesRegex("no trustworthy data: [0-9]+ blocks could not be recorded, because the ledger could not "
                           "grow"));
}

TEST_F(Check, LeavesOutWhatIsSuppressed) {
  leave("known_leaks", "pie");
  EXPECT_EQ(until_directory(check(kLeak)),
            "leak: 4 live blocks, 12007 bytes (11.7 KiB) in 3 stacks, 1 block suppressed; the largest: leak_known");
  write_file(scratch_ / "all.supp", "leak:^leak_\nleak:unused\n");
  EXPECT_THAT(check(kNoLeak, {"--suppressions", "all.supp"}),
              MatchesRegex("no leak: nothing but what is suppressed is live after 5 allocations and 0 frees, 5 blocks "
                           "suppressed: /.*"));
  EXPECT_THAT(outcome_.err, HasSubstr("leakdir: note: all.supp:2: leak:unused suppressed nothing\n"));
}

TEST_F(Check, SaysThatOnlyWhatIsOldEnoughWasJudged) {
  leave("leaks", "pie", {"", {"3"}, {}, 60});
  EXPECT_THAT(check(kNoLeak, {"--min-age", "100000"}), StartsWith("no leak: nothing of that age is live after "));
}

TEST_F(Check, DoesNotBlameTheHooksWhereAllIsBelowMinSize) {
  leave("leaks", "pie", {"min_size=1000000000", {"3"}, {}, 60});
  EXPECT_THAT(check(kNoTrust), MatchesRegex("no trustworthy data: leakdir recorded nothing: all that it saw was [0-9]+ "
                                            "allocations below min_size"));
}

// Of a real program, and as others read it.
TEST_F(Check, WritesWhatOthersShow) {
  const std::string source = read_file(std::string(kSourceRoot) + "/tests/targets/known_leaks.c");
  write_file(scratch_ / "src/known leaks.c", source);
  const Outcome compiled = run({{"gcc", "-g", "-O2", "-I", std::string(kSourceRoot) + "/tests/targets",
                                 scratch_ / "src/known leaks.c", kObject, "-o", "known_leaks"},
                                scratch_.path(),
                                {},
                                "",
                                60});
  ASSERT_TRUE(compiled.exited_with(0)) << compiled.describe();
  ASSERT_TRUE(run_in(scratch_, scratch_ / "known_leaks").exited_with(0));
  const std::string before = source.substr(0, source.find("LEAK(malloc, 4001"));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');

  check(kLeak, {"--format", "sarif", "-o", "check.sarif"});
  const auto run = nlohmann::json::parse(read_file(scratch_ / "check.sarif")).at("runs").at(0);
  ASSERT_EQ(run.at("results").size(), 3u);
  const auto& location = run.at("results").at(0).at("locations").at(0);
  EXPECT_EQ(location.at("logicalLocations").at(0).at("fullyQualifiedName"), "leak_known");
  EXPECT_EQ(location.at("physicalLocation"),
            nlohmann::json({{"artifactLocation", {{"uri", "src/known%20leaks.c"}, {"uriBaseId", "SRCROOT"}}},
                            {"region", {{"startLine", line}}}}));
  check(kLeak, {"--format", "junit", "-o", "check.xml"});

  check(kLeak, {"--format", "github", "-o", "check.github", "--source-root", "src"});
  EXPECT_THAT(read_file(scratch_ / "check.github"),
              HasSubstr("\n::error file=known leaks.c,line=" + std::to_string(line) + ",title=leak in leak_known::"));

  EXPECT_EQ(no_sarif_reader().empty() ? faults_of_sarif(scratch_ / "check.sarif") : "", "");
  EXPECT_EQ(no_junit_reader().empty() ? faults_of_junit(scratch_ / "check.xml") : "", "");
  if (!no_sarif_reader().empty() || !no_junit_reader().empty()) GTEST_SKIP() << no_sarif_reader() << no_junit_reader();
}

// As an alert on what runs: it fails when more is live than a while ago.
TEST_F(Check, TellsOfARunningProgramWhatItHasMoreThanBefore) {
  if (mkfifo((scratch_ / "fifo").c_str(), 0600) != 0) FAIL() << "no fifo";
  Process program(command_for(scratch_, target("grows", "static"), {"", {"fifo"}, {}, 90}));
  int told = 0;
  const auto tell = [&](const std::string& what) {
    const Outcome outcome = run({{"sh", "-c", "echo " + what + " >fifo"}, scratch_.path(), {}, "", 60});
    ASSERT_TRUE(outcome.exited_with(0) && program.says("done\n", ++told));
  };
  ASSERT_TRUE(program.says("ready\n"));
  tell("leak 3 0");
  ASSERT_TRUE(run_tool({"save", "then.leaks"}, scratch_.path()).exited_with(0));
  const std::vector<std::string> alert = {"--since", "then.leaks", "--max-growth", "2k", "--max-bytes", "10k"};
  EXPECT_THAT(check(kNoLeak, alert),
              StartsWith("no leak: +0 bytes, +0 blocks since then.leaks (2048 bytes more are "
                         "allowed): 3 live blocks, 3027 bytes in 1 stack (it is still running)"));
  tell("leak 2 4");
  EXPECT_THAT(check(kNoLeak, alert), StartsWith("no leak: +2018 bytes, +2 blocks since then.leaks"));
  tell("leak 1 4");
  EXPECT_THAT(check(kLeak, alert),
              StartsWith("leak: +3027 bytes, +3 blocks since then.leaks (2048 bytes more are allowed): 6 live blocks, "
                         "6054 bytes in 2 stacks (it is still running); the first: leak_more"));
  EXPECT_THAT(outcome_.out, HasSubstr("\n\nnew: +3027 bytes, +3 blocks, malloc\n    #0 leak_more "));
  tell("free 6");
  check(kNoLeak, alert);
}

class Baseline : public Check {};

TEST_F(Baseline, FailsOnlyOnWhatIsNewOrHasGrown) {
  leave("known_leaks", "pie");
  EXPECT_EQ(check(kNoLeak, {"--write-baseline", "known.json"}),
            "baseline written to known.json: 4 live blocks, 12007 bytes (11.7 KiB) in 3 stacks, 0 bad frees");
  const std::string known = read_file(scratch_ / "known.json");
  EXPECT_EQ(check(kNoLeak, {"--baseline", "known.json"}),
            "no new leak: 4 live blocks, 12007 bytes (11.7 KiB) in 3 stacks, 0 bad frees are known, 1 block "
            "suppressed");
  leave("known_leaks", "pie", {"", {"0", "abort"}, {}, 60});
  check(kNoLeak, {"--baseline", "known.json"});
  EXPECT_EQ(check(kNoLeak, {"--write-baseline", "again.json"}).substr(0, 27), "baseline written to again.j");
  // Which kind they are of is known of the first run alone: this one was killed.
  nlohmann::json without_kinds = nlohmann::json::parse(known);
  for (auto& stack : without_kinds["stacks"]) EXPECT_EQ(stack.erase("kinds"), 1u);
  EXPECT_EQ(nlohmann::json::parse(read_file(scratch_ / "again.json")), without_kinds)
      << "another run, the same baseline";

  leave("known_leaks", "pie", {"", {"0", "return", "3"}, {}, 60});
  EXPECT_EQ(until_directory(check(kLeak, {"--baseline", "known.json"})),
            "leak: 1 stack by function that grew, +3 blocks and +12003 bytes against known.json, 1 block suppressed; "
            "the first: "
            "leak_known");
  EXPECT_THAT(check(kNoLeak, {"--write-baseline", "new.json"}), HasSubstr("7 live blocks"));
  check(kNoLeak, {"--baseline", "new.json"});
  leave("known_leaks", "pie");
  check(kNoLeak, {"--baseline", "new.json"});
  EXPECT_THAT(outcome_.err, HasSubstr("less is live than new.json says, in 1 stack by function"));
}

TEST_F(Baseline, LetsKnownStacksGrowWhereTheUserSaysSo) {
  leave("known_leaks", "pie");
  check(kNoLeak, {"--write-baseline", "known.json"});
  leave("known_leaks", "pie", {"", {"0", "return", "1"}, {}, 60});
  check(kLeak, {"--baseline", "known.json"});
  EXPECT_THAT(outcome_.out, HasSubstr("\n\ngrown: +4001 bytes, +1 block (8002 in 2 -> 12003 in 3), malloc, "));
  check(kNoLeak, {"--baseline", "known.json", "--new-only"});
  check(kNoLeak, {"--baseline", "known.json", "--allow-growth", "50%"});
  check(kLeak, {"--baseline", "known.json", "--allow-growth", "4000"});
  // Of both runs.
  ASSERT_TRUE(run_tool({"save", "second.leaks"}, scratch_.path()).exited_with(0));
  leave("known_leaks", "pie");
  check(kNoLeak, {"--write-baseline", "both.json", "mem", "second.leaks"});
  check(kNoLeak, {"--baseline", "both.json"});
  check(kNoLeak, {"--baseline", "both.json", "second.leaks"});
}

// Stacks are recognised by function and module: lines that are added above, or another build, change nothing.
TEST_F(Baseline, HoldsAfterAnEdit) {
  const std::string source = read_file(std::string(kSourceRoot) + "/tests/targets/known_leaks.c");
  std::string known;
  for (const char* edit : {"", "/* a comment\n * of two lines */\nint another(void) { return 4711; }\n\n"}) {
    write_file(scratch_ / "known_leaks.c", edit + source);
    const Outcome compiled = run({{"gcc", "-g", "-O2", "-I", std::string(kSourceRoot) + "/tests/targets",
                                   "known_leaks.c", kObject, "-o", "known_leaks"},
                                  scratch_.path(),
                                  {},
                                  "",
                                  60});
    ASSERT_TRUE(compiled.exited_with(0)) << compiled.describe();
    ASSERT_TRUE(run_in(scratch_, scratch_ / "known_leaks").exited_with(0));
    check(kNoLeak, {"--write-baseline", "b.json"});
    if (!known.empty()) {
      EXPECT_EQ(read_file(scratch_ / "b.json"), known);
    }
    known = read_file(scratch_ / "b.json");
  }
  EXPECT_THAT(known, HasSubstr("\"leak_inner (known_leaks)\""));
}

TEST_F(Baseline, KnowsBadFreesToo) {
  leave("bad_free", "static", {"", {"double"}, {}, 60});
  check(kNoLeak, {"--write-baseline", "known.json"});
  EXPECT_EQ(check(kNoLeak, {"--baseline", "known.json"}),
            "no new leak: 0 live blocks, 0 bytes in 0 stacks, 1 bad free are known");
  leave("bad_free", "static", {"", {"thrice"}, {}, 60});
  EXPECT_EQ(until_directory(check(kLeak, {"--baseline", "known.json"})),
            "no new leak, but 1 bad free more against known.json; the first: free_badly");
}

TEST_F(Baseline, ThatCannotBeReadIsAMistakeOfTheJob) {
  leave("leaks", "static");
  write_file(scratch_ / "bad.json", "{");
  for (const char* name : {"bad.json", "none.json"}) {
    const Outcome outcome = run_tool({"check", "--baseline", name}, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
  }
  EXPECT_TRUE(run_tool({"check", "--baseline"}, scratch_.path()).exited_with(2));
}

// What cannot be trusted is not stored as known.
TEST_F(Baseline, IsNotWrittenWithoutTrust) {
  check(kNoTrust, {"--write-baseline", "known.json"});
  EXPECT_FALSE(exists(scratch_ / "known.json"));
}

}  // namespace
}  // namespace leakdir_test
