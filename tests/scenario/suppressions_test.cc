// SPDX-License-Identifier: BSL-1.0
//
// Known leaks are left out of the report by suppressions, of a file and of the program itself, whether the program
// runs, has ended or was killed.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

// What is left of the five blocks: by function, its bytes.
std::map<std::string, std::uint64_t> listed(const nlohmann::json& json) {
  std::map<std::string, std::uint64_t> result;
  for (const auto& stack : json.at("stacks")) {
    for (const auto& frame : stack.at("frames")) {
      const std::string function = frame.at("function");
      if (function.rfind("leak_", 0) == 0) {
        result[function] += stack.at("bytes").get<std::uint64_t>();
        break;
      }
    }
  }
  return result;
}

using Listed = std::map<std::string, std::uint64_t>;

void leaves_out_what_is_known(const Scratch& scratch) {
  EXPECT_EQ(listed(report(scratch / "mem", {"--no-default-suppressions"})),
            (Listed{{"leak_known", 8002}, {"leak_inner", 4003}, {"leak_name", 2}, {"leak_of_the_program", 4007}}));
  EXPECT_EQ(listed(report(scratch / "mem")), (Listed{{"leak_known", 8002}, {"leak_inner", 4003}, {"leak_name", 2}}));
  write_file(scratch / "known.supp", "# of ours\nleak:^leak_known$\nleak:^leak_outer\nleak:no_such_function\n");
  const nlohmann::json json = report(scratch / "mem", {"--suppressions", scratch / "known.supp"});
  EXPECT_EQ(listed(json), (Listed{{"leak_name", 2}}));
  EXPECT_EQ(json.at("not_listed").at("suppressed"), 4);
  std::vector<std::vector<std::uint64_t>> taken;
  for (const auto& use : json.at("suppressions")) taken.push_back({use.at("blocks"), use.at("bytes")});
  EXPECT_EQ(taken, (std::vector<std::vector<std::uint64_t>>{{2, 8002}, {1, 4003}, {0, 0}, {1, 4007}}));
  EXPECT_EQ(json.at("suppressions").at(2).at("origin"), scratch / "known.supp:4");
  EXPECT_EQ(json.at("suppressions").at(3).at("origin"), "__lsan_default_suppressions():1");
}

class Suppressions : public testing::TestWithParam<std::string> {
 protected:
  Scratch scratch_;
};

TEST_P(Suppressions, HoldForAProgramThatHasEnded) {
  ASSERT_TRUE(run_in(scratch_, target("known_leaks", GetParam())).exited_with(0));
  leaves_out_what_is_known(scratch_);
}

TEST_P(Suppressions, HoldForAProgramThatWasKilled) {
  ASSERT_TRUE(run_in(scratch_, target("known_leaks", GetParam()), {"", {"0", "abort"}, {}, 60}).killed_by(SIGABRT));
  leaves_out_what_is_known(scratch_);
}

TEST_P(Suppressions, HoldForAProgramThatRuns) {
  Process program(command_for(scratch_, target("known_leaks", GetParam()), {"", {"60000"}, {}, 90}));
  program.says("leaked");
  leaves_out_what_is_known(scratch_);
  EXPECT_EQ(report(scratch_ / "mem").at("state"), "running");
  program.kill(SIGKILL);
  program.wait();
}

// What is generated suppresses all that was listed, and exactly that.
TEST_P(Suppressions, ThatAreGeneratedCanBePasted) {
  ASSERT_TRUE(run_in(scratch_, target("known_leaks", GetParam())).exited_with(0));
  const Outcome generated = run_tool({"report", "--gen-suppressions", scratch_ / "mem"});
  ASSERT_TRUE(generated.exited_with(0)) << generated.describe();
  EXPECT_EQ(generated.out,
            "# 2 blocks, 8002 bytes in 1 stack\n"
            "{\n   leak_known\n   leakdir:Leak\n   fun:malloc\n   fun:leak_known\n   fun:main\n}\n"
            "# 1 block, 4003 bytes in 1 stack\n"
            "{\n   leak_inner\n   leakdir:Leak\n   fun:calloc\n   fun:leak_inner\n   fun:leak_outer\n   fun:main\n}\n"
            "# 1 block, 2 bytes in 1 stack\n"
            "{\n   leak_name\n   leakdir:Leak\n   fun:malloc\n   fun:strndup\n   fun:leak_name\n   fun:main\n}\n");
  write_file(scratch_ / "all.supp", generated.out);
  const Outcome outcome =
      run_tool({"report", "--suppressions", scratch_ / "all.supp", "--error-exitcode", "23", scratch_ / "mem"});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_NE(outcome.out.find("no lost blocks, but for suppressed ones\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("not listed: 5 blocks, 16014 bytes (15.6 KiB), suppressed\n"), std::string::npos);
  EXPECT_NE(outcome.out.find("    2 blocks, 8002 bytes by {leak_known} ("), std::string::npos) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Linked, Suppressions, testing::Values("static", "pie"));

TEST(SuppressionFile, ThatIsBadIsRefusedByItsLine) {
  const Scratch scratch;
  ASSERT_TRUE(run_in(scratch, target("known_leaks", "pie")).exited_with(0));
  write_file(scratch / "bad.supp", "leak:^leak_known$\nrace:leak_outer\n");
  const Outcome outcome = run_tool({"report", "--suppressions", "bad.supp", "mem"}, scratch.path());
  EXPECT_TRUE(outcome.exited_with(1));
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "leakdir: bad.supp:2: race: is for ThreadSanitizer; leaks are suppressed by leak:PATTERN\n");
}

}  // namespace
}  // namespace leakdir_test
