// SPDX-License-Identifier: BSL-1.0
//
// A program that locks itself in with a filter of system calls (seccomp): what leakdir asks of it, in which mode. One
// that answers with an error is no danger in any mode. One that kills must know the calls that lib/README.md lists, but
// for the modes that make none.

#include <gtest/gtest.h>
#include <signal.h>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

class Sandbox : public testing::TestWithParam<std::string> {
 protected:
  // Runs the program; it must end as it does without leakdir.
  Outcome run_sandboxed(const std::string& options, const std::vector<std::string>& arguments) {
    const Outcome outcome =
        run_in(scratch_, target("sandboxed", GetParam()), {"summary=0:delay_ms=5:" + options, arguments, {}, 60});
    EXPECT_TRUE(outcome.exited_with(0)) << options << ": " << outcome.describe();
    return outcome;
  }
  void expect_in_ledger(const std::string& state) {
    const nlohmann::json json = report(scratch_ / "mem");
    EXPECT_EQ(json.at("state"), state);
    EXPECT_EQ(totals_of(json).blocks, 1u);
    EXPECT_EQ(totals_of(json).bytes, 9001u);
  }
  Scratch scratch_;
};

TEST_P(Sandbox, ThatKillsMeetsNoCallOfADisabledLeakdir) {
  run_sandboxed("enabled=0", {"own", "kill", "many", "return"});
  run_sandboxed("enabled=0", {"own", "kill", "many", "_exit"});
}

TEST_P(Sandbox, ThatKillsMeetsNoCallWhilePaused) {
  for (const char* write : {"write=behind", "write=sync", "write=exit"})
    run_sandboxed(write, {"own", "kill", "paused", "_exit"});
}

TEST_P(Sandbox, ThatKillsMeetsNoCallUntilTheLedgerGrows) {
  const Outcome outcome = run_sandboxed("write=exit:unwind=caller", {"own", "kill", "few", "_exit"});
  expect_in_ledger("killed");
  ASSERT_TRUE(run_tool({"recover", scratch_ / "mem"}).exited_with(0));
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
}

// The walk looks at a stack that is deeper than those before by a call that sandboxes know (rt_sigprocmask).
TEST_P(Sandbox, ThatKillsMeetsNoUnusualCallByADeeperStack) {
  const Outcome outcome = run_sandboxed("write=exit", {"usual", "kill", "deep", "_exit"});
  expect_in_ledger("killed");
  ASSERT_TRUE(run_tool({"recover", scratch_ / "mem"}).exited_with(0));
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
}

TEST_P(Sandbox, ThatKillsForACallThatItDoesNotKnowLosesNoBlock) {
  const Outcome outcome = run_in(scratch_, target("sandboxed", GetParam()),
                                 {"write=exit:unwind=caller", {"own", "kill", "few", "return"}, {}, 60});
  EXPECT_TRUE(outcome.killed_by(SIGSYS)) << outcome.describe();
  expect_in_ledger("killed");
}

TEST_P(Sandbox, ThatKnowsWhatLeakdirAsksForIsNoHindrance) {
  for (const char* write : {"write=behind", "write=sync", "write=exit"}) {
    SCOPED_TRACE(write);
    const Outcome outcome = run_sandboxed(write, {"leakdirs", "kill", "many", "return"});
    EXPECT_EQ(outcome.err, "");
    expect_in_ledger("exited");
    expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
  }
}

// Not even whether there is a filter can be read in it, nor may a thread be made: not when the helper has left, either.
TEST_P(Sandbox, OfOpenSshIsNoDanger) {
  for (const char* write : {"write=behind", "write=exit", "write=never"}) {
    for (const char* amount : {"few", "many", "late"}) {
      SCOPED_TRACE(std::string(write) + " " + amount);
      run_sandboxed(write + std::string(":summary=1"), {"openssh", "kill", amount, "return"});
    }
    expect_in_ledger("exited");
  }
}

TEST_P(Sandbox, ThatAnswersWithAnErrorIsNoDanger) {
  for (const char* write : {"write=behind", "write=sync", "write=exit", "write=exit:unwind=boost"}) {
    for (const char* amount : {"few", "many"}) {
      SCOPED_TRACE(std::string(write) + " " + amount);
      run_sandboxed(write, {"own", "errno", amount, "return"});
      const Outcome check = run_tool({"check", scratch_ / "mem"});
      EXPECT_TRUE(check.exited_with(23) || check.exited_with(3)) << check.describe();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, Sandbox, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
