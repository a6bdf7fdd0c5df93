// SPDX-License-Identifier: BSL-1.0
//
// leakdir/gtest.h: a test that leaks fails and shows where, one that does not passes; and where nothing can be seen
// that is said. The program is tests/targets/gtest_leaks.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "paths.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::ElementsAre;
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
    link("static", {"-static-pie", kStaticObject});
    link("none", {"-pie"});
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
    const std::regex pattern("\\[  FAILED  \\] (\\S+) \\(.*");
    for (const std::string& line : lines_of(outcome.out)) {
      std::smatch match;
      if (std::regex_match(line, match, pattern)) names.push_back(match[1]);
    }
    return names;
  }

  static Scratch* built_;
  Scratch scratch_;
};
Scratch* GoogleTestListener::built_ = nullptr;

TEST_F(GoogleTestListener, FailsTheTestsThatLeakAndNoOther) {
  const Outcome outcome = run_tests("pie");
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(failed(outcome),
              ElementsAre("Leaky.TwoBlocksOfOneStack", "Leaky.InAThread", "Leaky.InAThreadThatWasThereBefore",
                          "Leaky.InAPart", "Leaky.OnlyTheFirstTime", "Other.FailsAndIsNotLookedAt"));
  EXPECT_THAT(outcome.out, HasSubstr("leaked: 4202 bytes in 2 blocks\n  4202 bytes in 2 blocks, the first: [+0x"));
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
                          "Leaky.InAPart", "Other.FailsAndIsNotLookedAt"));
  EXPECT_THAT(outcome.out, testing::ContainsRegex("\n    addr2line: addr2line -Cfipe .*/static 0x"));
}

// The same program that was linked without leakdir.
TEST_F(GoogleTestListener, SeesUnderTheLibrary) {
  const Outcome outcome = run_tests("none", {"", {}, {{"PATH", "/nonexistent"}, {"LD_PRELOAD", kLibrary}}, 120});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(failed(outcome),
              ElementsAre("Leaky.TwoBlocksOfOneStack", "Leaky.InAThread", "Leaky.InAThreadThatWasThereBefore",
                          "Leaky.InAPart", "Leaky.OnlyTheFirstTime", "Other.FailsAndIsNotLookedAt"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("NOT looked at")));
}

// The programs that give the names are not recorded themselves.
TEST_F(GoogleTestListener, LeavesNoDirectoriesOfItsHelpers) {
  const Outcome outcome = run_tests("none", {"", {"--gtest_filter=Leaky.InAPart"}, {{"LD_PRELOAD", kLibrary}}, 120});
  EXPECT_THAT(failed(outcome), ElementsAre("Leaky.InAPart"));
  EXPECT_THAT(outcome.out, HasSubstr("gtest_leaks.cc:"));
  for (const std::string& name : names_in(scratch_ / "mem"))
    EXPECT_NE(name.find_first_not_of("0123456789"), std::string::npos) << name;
}

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
