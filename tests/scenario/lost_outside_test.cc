// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, in a process that is running, by the tool: each block has its kind, the process goes on unharmed
// whatever becomes of the tool, and where the tool may not look it says why.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>

#include "expected_kinds.hh"
#include "own_variables.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

#ifdef LONG_TESTS
constexpr int kKills = 1000, kLooks = 1000;
#else
constexpr int kKills = 60, kLooks = 20;
#endif

nlohmann::json look(const std::string& dir) { return report(dir, {"--lost", "--kinds", "all"}); }

std::uint64_t blocks_of(const nlohmann::json& json, const char* kind) {
  return json.at("totals").at("kinds").at(kind).at("blocks").get<std::uint64_t>();
}

std::string status_line(pid_t pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(key, 0) == 0) return line;
  return {};
}

class LostOutside : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Process> start(const std::string& name, const std::string& how = "") {
    auto process =
        std::make_unique<Process>(command_for(scratch_, target(name, GetParam()), {"children=0", {how}, {}, 3000}));
    EXPECT_TRUE(process->says("ready\n"));
    return process;
  }

  Scratch scratch_;
};

TEST_P(LostOutside, EachBlockHasItsKind) {
  const auto process = start("lost_and_held");
  const nlohmann::json json = look(scratch_ / "mem");
  EXPECT_EQ(kinds_in(json), expected_kinds(process->output_so_far()));
  EXPECT_EQ(json.at("state"), "running");
  // It is not changed by that: the answer is the same, and nobody holds it.
  EXPECT_EQ(kinds_in(look(scratch_ / "mem")), kinds_in(json));
  EXPECT_THAT(status_line(process->pid(), "TracerPid"), HasSubstr("\t0"));
}

// leakdir's own thread has the thread pointer of the one that made it, whose stack waits for the next.
TEST_P(LostOutside, WhatAThreadHeldThatHasEndedIsLost) {
  const auto process = start("ended_thread");
  EXPECT_EQ(kinds_in(look(scratch_ / "mem")), expected_kinds(process->output_so_far()));
}

// No static program: there a library with thread-local data cannot be opened, with leakdir or without.
TEST_P(LostOutside, VariablesOfALibraryEndWithTheirThread) {
  if (GetParam().rfind("static", 0) == 0) GTEST_SKIP() << "opens no such library";
  for (const char* how : {"joined", "left", "joined,closed", "left,closed"}) {
    Process process(command_for(scratch_, target("ended_thread_in_library", GetParam()),
                                {"children=0", {std::string(kTargets) + "/thread_local_library.so", how}, {}, 3000}));
    ASSERT_TRUE(process.says("ready\n"));
    const Kinds kinds = kinds_in(look(scratch_ / "mem"));
    for (const auto& block : expected_kinds(process.output_so_far()))
      EXPECT_EQ(kinds.count(block), 1u) << how << block.second;
    process.kill(SIGKILL);
    process.wait();
  }
}

TEST_P(LostOutside, AProcessGoesOnWithoutItsFirstThread) {
  const auto process = start("first_thread_ended");
  EXPECT_EQ(kinds_in(look(scratch_ / "mem")), expected_kinds(process->output_so_far()));
}

// Below the stack pointer lie frames that wait, then.
TEST_P(LostOutside, AStackWithinAnotherLeavesTheOthersFramesInUse) {
  for (const char* how : {"none", "static_context", "local_context", "signal"}) {
    const auto process = start("nested_stack", how);
    EXPECT_EQ(kinds_in(look(scratch_ / "mem")), expected_kinds(process->output_so_far())) << how;
    process->kill(SIGKILL);
    process->wait();
  }
}

TEST_P(LostOutside, WhatMallocUsableSizeLetsAProgramUseHolds) {
  for (const char* asks : {"", "asks"}) {
    const auto process = start("usable_size", asks);
    EXPECT_EQ(kinds_in(look(scratch_ / "mem")), expected_kinds(process->output_so_far())) << asks;
    process->kill(SIGKILL);
    process->wait();
  }
}

// leakdir's variables hold addresses and numbers of every sort: none of them is looked at, or a block that is lost
// could count as held where the heap lies low.
TEST_P(LostOutside, NoVariableOfOursIsARoot) {
  const auto process = start("lost_and_held");
  const std::vector<Stretch> own = own_memory_of(process->pid(), scratch_ / "mem");
  ASSERT_FALSE(own.empty());
  std::size_t variables = 0;
  for (const Stretch& variable : variables_of_ours(process->pid())) {
    ++variables;
    EXPECT_TRUE(std::any_of(
        own.begin(), own.end(),
        [&](const Stretch& stretch) { return variable.start >= stretch.start && variable.end <= stretch.end; }))
        << std::hex << variable.start << " is a root";
  }
  EXPECT_GT(variables, 100u);
}

TEST_P(LostOutside, AStoppedProcessStaysStopped) {
  const auto process = start("lost_and_held");
  process->kill(SIGSTOP);
  for (int i = 0; i < 5000 && status_line(process->pid(), "State").find("stopped") == std::string::npos; ++i)
    usleep(1000);
  EXPECT_EQ(kinds_in(look(scratch_ / "mem")), expected_kinds(process->output_so_far()));
  EXPECT_THAT(status_line(process->pid(), "State"), HasSubstr("T (stopped)"));
  process->kill(SIGCONT);
  for (int i = 0; i < 5000 && status_line(process->pid(), "State").find("sleeping") == std::string::npos; ++i)
    usleep(1000);
  EXPECT_THAT(status_line(process->pid(), "State"), HasSubstr("S (sleeping)"));
}

TEST_P(LostOutside, NothingIsLostOfWhatChangesAllTheTime) {
  const auto process = start("churns");
  for (int i = 0; i < kLooks; ++i) {
    const nlohmann::json json = look(scratch_ / "mem");
    ASSERT_EQ(blocks_of(json, "definite"), 0u) << json.at("stacks").dump(1);
    ASSERT_EQ(blocks_of(json, "indirect"), 0u);
    ASSERT_GT(blocks_of(json, "reachable"), 3u);
  }
  process->kill(SIGTERM);
  const Outcome outcome = process->wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
}

TEST_P(LostOutside, ItGoesOnWhenTheToolIsKilled) {
  const auto process = start("churns");
  std::minstd_rand random(4711);
  for (int i = 0; i < kKills; ++i) {
    Command command;
    command.argv = {kTool, "report", "--lost", scratch_ / "mem"};
    Process tool(command);
    usleep(2000 + static_cast<unsigned>(random() % 50000));
    tool.kill(SIGKILL);
    tool.wait();
    ASSERT_EQ(kill(process->pid(), 0), 0);
  }
  process->kill(SIGTERM);
  const Outcome outcome = process->wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();  // and no signal was lost
}

TEST_P(LostOutside, WhoIsTracedAlreadyIsNamed) {
  const auto process = start("lost_and_held");
  ASSERT_EQ(ptrace(PTRACE_SEIZE, process->pid(), nullptr, nullptr), 0);
  const Outcome outcome = run_tool({"report", "--lost", scratch_ / "mem"});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(lines_of(outcome.err), testing::SizeIs(1));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("is traced already, by process " + std::to_string(getpid())),
                                 HasSubstr("end that first")));
  EXPECT_THAT(status_line(process->pid(), "State"), HasSubstr("S (sleeping)"));
}

TEST_P(LostOutside, AnotherUserIsTold) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  Scratch open_to_all;
  ASSERT_EQ(chmod(open_to_all.path().c_str(), 0755), 0);
  const std::string tool = open_to_all / "leakdir";
  copy_for_all_users(kTool, tool);
  const auto process = start("lost_and_held");
  // It may read the ledger, and not look into the process.
  const std::string ledger = open_to_all / ".ledger";
  copy_for_all_users(scratch_ / "mem/.ledger", ledger);
  Command command;
  command.argv = {tool, "report", "--lost", ledger};
  command.user = 65534;
  const Outcome outcome = run(command);
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(lines_of(outcome.err), testing::SizeIs(1));
  EXPECT_THAT(outcome.err, HasSubstr("root"));
}

TEST_P(LostOutside, AFilterOfSystemCallsIsToldWithWhatHelps) {
  const auto process = start("lost_and_held");
  const Outcome outcome =
      run({{target("no_ptrace", "none"), kTool, "report", "--lost", scratch_ / "mem"}, "/", {}, ""});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(lines_of(outcome.err), testing::SizeIs(1));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("refuses to let process " + std::to_string(process->pid()) + " be stopped"),
                                 HasSubstr("--cap-add=SYS_PTRACE")));
  EXPECT_THAT(status_line(process->pid(), "State"), HasSubstr("S (sleeping)"));
}

// Its parent has not asked for its status: its memory is gone all the same.
TEST_P(LostOutside, AZombieHasNoMemory) {
  const auto process = start("lost_and_held");
  process->kill(SIGKILL);
  siginfo_t ended = {};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(process->pid()), &ended, WEXITED | WNOWAIT), 0);
  const Outcome outcome = run_tool({"report", "--lost", scratch_ / "mem"});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(lines_of(outcome.err), testing::SizeIs(1));
  EXPECT_THAT(outcome.err, HasSubstr("--core FILE"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, LostOutside, testing::Values("static", "static-pie", "pie", "preload"),
                         [](const auto& info) { return case_name(info.param); });

// The ledger is read twice for that.
TEST(LostOutsideNotices, WhatTheLedgerSaysOfItselfIsSaidOnce) {
  Scratch scratch;
  Process process(command_for(scratch, target("lost_and_held", "static"), {"sample=16", {}, {}, 60}));
  ASSERT_TRUE(process.says("ready\n"));
  write_file(scratch / "mem/42/.ledger", "another process's");
  for (const char* command : {"report", "check"}) {
    const Outcome outcome = run_tool({command, "--lost", scratch / "mem"});
    const std::string all = outcome.out + outcome.err;
    for (const char* notice :
         {"note: this is a sample", "note: other processes have ledgers of their own in 42", "note: process "}) {
      const std::size_t first = all.find(notice);
      EXPECT_NE(first, std::string::npos) << notice << "\n" << all;
      EXPECT_EQ(all.rfind(notice), first) << all;
    }
  }
}

TEST(LostOutsideRefusals, AnotherAllocatorIsNotKnownWellEnough) {
  Scratch scratch;
  Process process(command_for(scratch, target("lost_and_held", "preload-jemalloc"), {}));
  ASSERT_TRUE(process.says("ready\n"));
  const Outcome outcome = run_tool({"report", "--lost", scratch / "mem"});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("jemalloc"), HasSubstr("only glibc's heaps")));
}

}  // namespace
}  // namespace leakdir_test
