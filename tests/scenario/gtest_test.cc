// SPDX-License-Identifier: BSL-1.0
//
// leakdir/gtest.h: a test that leaks fails and shows where, one that does not passes; and where nothing can be seen
// that is said. The program is tests/targets/gtest_leaks.cc; with --leakdir_lost it is gtest_lost.cc, upon an object
// that is made up, and gtest_stale.cc, upon leakdir itself.

#include <gmock/gmock-more-matchers.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "groups.hh"
#include "paths.hh"
#include "target.hh"
#include "whole_libpthread.hh"

namespace leakdir_test {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class GoogleTestListener : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string source = std::string(kSourceRoot) + "/tests/targets/gtest_leaks.cc";
    built_ = new Scratch();
    build({"g++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-g", "-O1", "-fPIE",
           "-I" + std::string(kSourceRoot) + "/lib/include", "-c", source, "-o", *built_ / "tests.o"});
    const auto link = [](const std::string& name, const std::vector<std::string>& with) {
      std::vector<std::string> command = {"g++", *built_ / "tests.o", "-lgmock", "-lgtest", "-pthread",
                                          "-o",  *built_ / name};
      command.insert(command.end(), with.begin(), with.end());
      build(command);
    };
    link("pie", {"-pie", kObject});
    link("static", with_whole_libpthread({"-static-pie", kStaticObject}));
    link("none", {"-pie"});
    write_file(
        *built_ / "known.cc",
        "extern \"C\" const char *__lsan_default_suppressions() { return \"leak:^*InAPart_Test*$\\nnonsense\\n\"; }\n");
    link("known", {*built_ / "known.cc", "-pie", kObject});
  }
  static void TearDownTestSuite() { delete built_; }

  static void build(const std::vector<std::string>& command) {
    const Outcome outcome = run({command, "", {}, "", 600});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  }

  Outcome run_tests(const std::string& kind, const RunOptions& options = {}) {
    return run_in(scratch_, *built_ / kind, options);
  }

  static std::vector<std::string> failed(const Outcome& outcome) {
    std::vector<std::string> names;
    for (const std::string& line : lines_of(outcome.out)) {
      const Groups match = groups_of(line, "\\[  FAILED  \\] (\\S+) \\(.*");
      if (!match.empty()) names.push_back(match[1]);
    }
    return names;
  }

  static std::vector<std::string> all_that_fail() {
    return {"Leaky.TwoBlocksOfOneStack",
            "Leaky.InAThread",
            "Leaky.InAThreadThatWasThereBefore",
            "Leaky.InAPart",
            "Leaky.OnlyTheFirstTime",
            "Leaky.ReplacesABlock",
            "Leaky.LeavesOneMoreEachTime",
            "Leaky.BelowALibrary",
            "Leaky.FromManyPlaces",
            "Other.FailsAndIsNotLookedAt"};
  }

  static Scratch* built_;
  Scratch scratch_;
};
Scratch* GoogleTestListener::built_ = nullptr;

TEST_F(GoogleTestListener, ItsFlagsStandInTheHelp) {
  const Outcome outcome = run_tests("pie", {"", {"--help"}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.out, HasSubstr("--gtest_filter="));
  for (const char* own : {"--leakdir_lost", "--leakdir_warm_up", "--leakdir_suppressions=FILE"})
    EXPECT_THAT(outcome.out, HasSubstr(std::string("\n  ") + own + "\n"));
  EXPECT_THAT(run_tests("pie", {"", {"--gtest_list_tests"}, {}, 60}).out, Not(HasSubstr("--leakdir")));
}

TEST_F(GoogleTestListener, FailsTheTestsThatLeakAndNoOther) {
  const Outcome outcome = run_tests("pie");
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(failed(outcome), ElementsAreArray(all_that_fail()));
  EXPECT_THAT(outcome.out, HasSubstr("leaked: 4202 bytes in 2 blocks\n  4202 bytes in 2 blocks, the last: [+0x"));
  EXPECT_THAT(outcome.out, testing::ContainsRegex("leak_two\\(\\) at .*/gtest_leaks\\.cc:[0-9]+"));
  EXPECT_THAT(outcome.out, HasSubstr("the worker leaked: 2105 bytes in 1 block\n"));
  EXPECT_THAT(outcome.out, HasSubstr("malloc(2107), (void)0\nleaked: 2107 bytes in 1 block\n"));
  EXPECT_THAT(outcome.out, HasSubstr("Failed\non purpose\n"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("NOT looked at")));
}

// And without addr2line: then the record is all there is.
TEST_F(GoogleTestListener, ForgivesTheFirstRunWhenWarmingUp) {
  const Outcome outcome = run_tests("static", {"", {"--leakdir_warm_up"}, {{"PATH", "/nonexistent"}}, 120});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(failed(outcome),
              ElementsAre("Other.FailsAndIsNotLookedAt",  // of the first run
                          "Leaky.TwoBlocksOfOneStack", "Leaky.InAThread", "Leaky.InAThreadThatWasThereBefore",
                          "Leaky.InAPart", "Leaky.LeavesOneMoreEachTime", "Leaky.BelowALibrary", "Leaky.FromManyPlaces",
                          "Other.FailsAndIsNotLookedAt"));
  // It made two and freed one of the run before.
  EXPECT_THAT(outcome.out, HasSubstr("leaked: 2117 bytes in 1 block\n"));
  EXPECT_THAT(outcome.out, testing::ContainsRegex("\n    addr2line: addr2line -Cfipe .*/static 0x"));
}

// The same program that was linked without leakdir.
TEST_F(GoogleTestListener, SeesUnderTheLibrary) {
  const Outcome outcome = run_tests("none", {"", {}, {{"PATH", "/nonexistent"}, {"LD_PRELOAD", kLibrary}}, 120});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(failed(outcome), ElementsAreArray(all_that_fail()));
  EXPECT_THAT(outcome.err, Not(HasSubstr("NOT looked at")));
}

// Not module by module: qsort, of libc, stands between what it calls and the test.
TEST_F(GoogleTestListener, ShowsTheFramesInTheOrderOfTheStack) {
  for (const char* kind : {"pie", "static"}) {
    const Outcome outcome = run_tests(kind, {"", {"--gtest_filter=Leaky.BelowALibrary"}, {}, 120});
    EXPECT_THAT(failed(outcome), ElementsAre("Leaky.BelowALibrary"));
    const size_t callback = outcome.out.find("\n    (anonymous namespace)::leaks_and_compares(");
    const size_t library = outcome.out.find("qsort", callback) != std::string::npos
                               ? outcome.out.find("qsort", callback)
                               : outcome.out.find("libc.so.6+0x", callback);  // libc without names
    const size_t test = outcome.out.find("Leaky_BelowALibrary_Test::TestBody() at ", callback);
    ASSERT_NE(test, std::string::npos) << outcome.out;
    EXPECT_LT(callback, library) << outcome.out;
    EXPECT_LT(library, test) << outcome.out;
    // And GoogleTest's own frames, and what called those, are none of the test's.
    EXPECT_THAT(outcome.out, Not(HasSubstr("testing::Test::Run")));
    EXPECT_THAT(outcome.out, Not(HasSubstr("_start")));
  }
}

// However many leaks: reading the program's debugging information takes long.
TEST_F(GoogleTestListener, AsksForNamesOnceForEachModule) {
  const Outcome where = run({{"sh", "-c", "command -v addr2line"}, "", {}, "", 60});
  const std::string real = where.out.substr(0, where.out.find('\n'));
  write_file(scratch_ / "addr2line",
             "#!/bin/sh\necho asked >>'" + scratch_.path() + "/log'\nexec " + real + " \"$@\"\n");
  ASSERT_TRUE(run({{"chmod", "+x", scratch_ / "addr2line"}, "", {}, "", 60}).exited_with(0));
  const std::string path = scratch_.path() + ":" + std::getenv("PATH");
  const Outcome outcome = run_tests("pie", {"", {"--gtest_filter=Leaky.FromManyPlaces"}, {{"PATH", path}}, 120});
  EXPECT_THAT(failed(outcome), ElementsAre("Leaky.FromManyPlaces"));
  EXPECT_THAT(outcome.out, HasSubstr("leaked: 44541 bytes in 21 blocks\n"));
  EXPECT_THAT(outcome.out, HasSubstr("and from 11 more places\n"));
  EXPECT_THAT(outcome.out, testing::ContainsRegex("leak_at\\(int\\) at .*gtest_leaks\\.cc:[0-9]+"));
  EXPECT_EQ(read_file(scratch_ / "log"), "asked\n");
}

// In the program, in a file, by LeakSanitizer's own option.
TEST_F(GoogleTestListener, PassesOverKnownLeaks) {
  write_file(scratch_ / "known.supp", "# a comment\n\n  leak:leak_two\nleak:no_such_function\n");
  write_file(scratch_ / "other.supp", "leak:libc.so\n");
  const auto without = [](const std::vector<std::string>& names) {
    std::vector<std::string> rest = all_that_fail();
    for (const std::string& name : names) rest.erase(std::remove(rest.begin(), rest.end(), name), rest.end());
    return rest;
  };
  const Outcome program = run_tests("known");
  EXPECT_THAT(failed(program), ElementsAreArray(without({"Leaky.InAPart"})));
  EXPECT_THAT(program.err, HasSubstr("leakdir: __lsan_default_suppressions():2: no suppression, leak:PATTERN is: "
                                     "nonsense\n"));
  const Outcome file = run_tests("pie", {"", {"--leakdir_suppressions=" + scratch_ / "known.supp"}, {}, 120});
  EXPECT_THAT(failed(file), ElementsAreArray(without({"Leaky.TwoBlocksOfOneStack"})));
  const Outcome both =
      run_tests("known", {"",
                          {"--leakdir_suppressions=" + scratch_ / "known.supp", "--gtest_filter=-*Thread*"},
                          {{"LSAN_OPTIONS", "a=b:suppressions=" + scratch_ / "other.supp" + ",c=d"}},
                          120});
  // All stacks but those of threads lead through libc's start; and so do those.
  EXPECT_THAT(failed(both), ElementsAre("Other.FailsAndIsNotLookedAt"));
  const Outcome none =
      run_tests("pie", {"", {"--leakdir_suppressions=/nonexistent", "--gtest_filter=Leaky.InAPart"}, {}, 60});
  EXPECT_THAT(failed(none), ElementsAre("Leaky.InAPart"));
  EXPECT_THAT(none.err, HasSubstr("leakdir: cannot read the suppressions in /nonexistent\n"));
}

// The programs that give the names are not recorded themselves.
TEST_F(GoogleTestListener, LeavesNoDirectoriesOfItsHelpers) {
  const Outcome outcome = run_tests("none", {"", {"--gtest_filter=Leaky.InAPart"}, {{"LD_PRELOAD", kLibrary}}, 120});
  EXPECT_THAT(failed(outcome), ElementsAre("Leaky.InAPart"));
  EXPECT_THAT(outcome.out, HasSubstr("gtest_leaks.cc:"));
  for (const std::string& name : names_in(scratch_ / "mem"))
    EXPECT_NE(name.find_first_not_of("0123456789"), std::string::npos) << name;
}

// --leakdir_lost. Whether a block is lost is not what is tried here.
class GoogleTestListenerOfLost : public GoogleTestListener {
 protected:
  static void SetUpTestSuite() {
    built_ = new Scratch();
    for (const std::string option : {"-DWITH_LOST", "-DWITHOUT_LOST"})
      build({"g++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-g", "-O1", option,
             "-I" + std::string(kSourceRoot) + "/lib/include",
             std::string(kSourceRoot) + "/tests/targets/gtest_lost.cc", "-lgtest", "-pthread", "-o",
             *built_ / option.substr(2)});
  }

  static std::string count_of(const std::string& text, const std::string& in) {
    std::size_t count = 0;
    for (std::size_t at = in.find(text); at != std::string::npos; at = in.find(text, at + 1)) ++count;
    return std::to_string(count);
  }
};

TEST_F(GoogleTestListenerOfLost, FailsATestForWhatItLostAndNotForWhatItHolds) {
  const std::vector<std::string> lost = {"Loses.ABlock", "Loses.BlocksOfEachKind", "Loses.InAPart",
                                         "Loses.OnlyTheFirstTime"};
  const Outcome outcome = run_tests("WITH_LOST", {"", {"--leakdir_lost"}, {}, 60});
  EXPECT_THAT(failed(outcome), ElementsAreArray(lost));
  EXPECT_THAT(outcome.out, HasSubstr("lost: 107 bytes in 1 block\n"
                                     "  107 bytes in 1 block: [+0x1] --> addr:0x10, size:107\n"
                                     "    call: malloc\n"
                                     "    reach: definitely lost\n"));
  EXPECT_THAT(outcome.out, HasSubstr("lost: 333 bytes in 3 blocks\n"));
  EXPECT_THAT(outcome.out, HasSubstr("make(121, possible)\nlost: 121 bytes in 1 block\n"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("size:119")));
  EXPECT_EQ(count_of("what is lost could not be told at the end of a test", outcome.err), "1");

  for (const char* const value : {"1", "yes"})
    EXPECT_THAT(failed(run_tests("WITH_LOST", {"", {}, {{"LEAKDIR_LOST", value}}, 60})), ElementsAreArray(lost));
  for (const char* const value : {"0", ""})
    EXPECT_THAT(failed(run_tests("WITH_LOST", {"", {}, {{"LEAKDIR_LOST", value}}, 60})),
                testing::Contains("Holds.ARegistryAndACache"));
}

TEST_F(GoogleTestListenerOfLost, WarmedUpForgivesWhatIsLostOnce) {
  const Outcome outcome = run_tests("WITH_LOST", {"", {"--leakdir_lost", "--leakdir_warm_up"}, {}, 60});
  EXPECT_THAT(failed(outcome), ElementsAre("Loses.ABlock", "Loses.BlocksOfEachKind", "Loses.InAPart"));
}

TEST_F(GoogleTestListenerOfLost, SaysThatAnObjectCannotTell) {
  const Outcome outcome = run_tests("WITHOUT_LOST", {"", {"--leakdir_lost"}, {}, 60});
  EXPECT_THAT(failed(outcome), IsEmpty());
  EXPECT_EQ(outcome.err, "leakdir: this leakdir cannot tell what is lost: tests are NOT looked at for leaks\n");
}

// What the test's own functions have left on the stack and in registers holds nothing, however the compiler lays frames
// out; what frames further out hold, and what any variable holds, is held.
class GoogleTestListenerAfterATest : public GoogleTestListener {
 protected:
  static void SetUpTestSuite() { built_ = new Scratch(); }

  void expect_lost(const std::string& compiler, const std::string& level, const std::vector<std::string>& link,
                   const std::string& library = "") {
    SCOPED_TRACE(compiler + " " + level);
    std::vector<std::string> command = {compiler,
                                        "-std=c++17",
                                        "-Wall",
                                        "-Wextra",
                                        "-g",
                                        level,
                                        "-fPIE",
                                        "-I" + std::string(kSourceRoot) + "/lib/include",
                                        std::string(kSourceRoot) + "/tests/targets/gtest_stale.cc",
                                        "-lgtest",
                                        "-pthread",
                                        "-o",
                                        *built_ / "stale"};
    command.insert(command.end(), link.begin(), link.end());
    build(command);
    const RunOptions options = {"", {"--leakdir_lost"}, {{"LD_PRELOAD", library}}, 120};
    const Outcome outcome = run_tests("stale", options);
    EXPECT_THAT(failed(outcome),
                ElementsAre("Loses.WhatDeepRecursionHasLeft", "Loses.WhatTheBodyHasLeft", "Loses.WhatAllocaHasLeft",
                            "Loses.WhatRegistersHaveLeft", "Loses.WhatAnExceptionHasLeft",
                            "Loses.WhatTheProgramAsksFor", "Loses.InAPart", "LosesInAFixture.WhatItHad"))
        << outcome.describe();
    EXPECT_THAT(outcome.out, HasSubstr("asked: 1, 1 block, 3017 bytes\n"));
    EXPECT_THAT(outcome.out, HasSubstr("lost: 6028 bytes in 2 blocks\n"));
    EXPECT_THAT(outcome.err, Not(HasSubstr("NOT")));
  }
};
TEST_F(GoogleTestListenerAfterATest, OfGccSeesWhatItLost) { expect_lost("g++", "-O2", {"-pie", kObject}); }
TEST_F(GoogleTestListenerAfterATest, OfGccInAStaticProgramSeesWhatItLost) {
  expect_lost("g++", "-O0", with_whole_libpthread({"-static-pie", kStaticObject}));
}
TEST_F(GoogleTestListenerAfterATest, OfClangSeesWhatItLost) { expect_lost("clang++", "-O0", {"-pie", kObject}); }
TEST_F(GoogleTestListenerAfterATest, OfClangInAStaticProgramSeesWhatItLost) {
  expect_lost("clang++", "-O2", with_whole_libpthread({"-static-pie", kStaticObject}));
}
TEST_F(GoogleTestListenerAfterATest, UnderTheLibrarySeesWhatItLost) { expect_lost("g++", "-O1", {"-pie"}, kLibrary); }

TEST_F(GoogleTestListener, SaysThatNothingIsSeen) {
  const std::vector<std::string> arguments = {"--gtest_filter=Clean.*:Leaky.*"};
  const auto blind = [](const std::string& why) { return "leakdir: " + why + ": tests are NOT looked at for leaks\n"; };
  const Outcome none = run_tests("none", {"", arguments, {}, 60});
  EXPECT_TRUE(none.exited_with(0)) << none.describe();
  EXPECT_THAT(none.err, HasSubstr(blind("this program was linked without leakdir, or with -no-pie for libleakdir.so")));
  const Outcome off = run_tests("pie", {"enabled=0", arguments, {}, 60});
  EXPECT_THAT(failed(off), IsEmpty());
  EXPECT_THAT(off.err, HasSubstr(blind("leakdir is off")));
  const Outcome paused = run_tests("pie", {"recording=0", {"--gtest_filter=Leaky.*"}, {}, 60});
  EXPECT_TRUE(paused.exited_with(0)) << paused.describe();
  EXPECT_THAT(paused.err, HasSubstr(blind("leakdir's recording is paused")));
}

}  // namespace
}  // namespace leakdir_test
