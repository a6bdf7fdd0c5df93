// SPDX-License-Identifier: BSL-1.0
//
// Who holds a block: leakdir why, and report --held, on a running program that holds blocks in every way.

#include <elfutils/version.h>
#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <memory>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class Why : public testing::TestWithParam<std::string> {
 protected:
  Why() {
    process_ = std::make_unique<Process>(command_for(scratch_, target("lost_and_held", GetParam()), {"", {}, {}, 300}));
    if (!process_->says("ready\n")) throw std::runtime_error("it did not start");
    const nlohmann::json json = report(scratch_ / "mem");
    for (const auto& stack : json.at("stacks"))
      for (const auto& address : stack.at("addresses"))
        addresses_.emplace(stack.at("bytes").get<std::uint64_t>() / stack.at("blocks").get<std::uint64_t>(), address);
  }

  std::string why(std::uint64_t size) {
    const Outcome outcome = run_tool({"why", scratch_ / "mem", addresses_.at(size)});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    return outcome.out;
  }

  Scratch scratch_;
  std::unique_ptr<Process> process_;
  std::map<std::uint64_t, std::string> addresses_;
};

TEST_P(Why, TheWayFromAVariableIsShown) {
  const std::string out = why(105);
  EXPECT_THAT(out, ContainsRegex("105 bytes, made in hold \\(lost_and_held.c:[0-9]+\\) is still reachable"));
  EXPECT_THAT(out, ContainsRegex("held by in_data \\(lost_and_held.c:[0-9]+\\)\n  -> 0x[0-9a-f]+: 101 bytes"));
  EXPECT_THAT(out, HasSubstr("at " + std::to_string(sizeof(void*)) + " of it a pointer to"));
}

TEST_P(Why, EachRootIsNamed) {
  const std::string pid = std::to_string(process_->pid());
  EXPECT_THAT(why(107),
              ContainsRegex("held by in_thread_local \\(lost_and_held.c:[0-9]+, thread-local\\) of thread " + pid));
  EXPECT_THAT(why(301), HasSubstr("held by memory of its own (mmap) at 0x"));
  EXPECT_THAT(why(303), HasSubstr("held by shared memory at 0x"));
  EXPECT_THAT(why(401), HasSubstr("held by what libc keeps of thread " + pid));
  EXPECT_THAT(why(701), HasSubstr("held by leakdir_ignore()"));
  const std::string in_thread = why(4001);
#if _ELFUTILS_PREREQ(0, 188)  // from then on it tells where a frame begins
  const std::string in_function = ", in waits \\(lost_and_held.c:[0-9]+\\)";
#else
  const std::string in_function = " \\+[0-9]+\n";
#endif
  EXPECT_THAT(in_thread, ContainsRegex("held by stack of thread [0-9]+ [^,\n]*" + in_function));
  EXPECT_THAT(in_thread, Not(HasSubstr("thread " + pid)));
#ifdef __x86_64__
  EXPECT_THAT(why(8001), HasSubstr("held by register r12 of thread " + pid));
#endif
}

TEST_P(Why, OfALostBlockItSaysThatNobodyHoldsIt) {
  EXPECT_THAT(why(6001), testing::EndsWith("is definitely lost\nnobody points to it\n")) << "its line once";
  EXPECT_THAT(why(1007), AllOf(HasSubstr("is indirectly lost\nheld by blocks that are lost themselves"),
                               ContainsRegex("1001 bytes.*\n.*\n.*1003 bytes.*\n.*\n.*1007 bytes")));
  EXPECT_THAT(why(203), HasSubstr("is possibly lost\nheld by into_the_middle"));
}

TEST_P(Why, WhatEachRootHoldsAddsUp) {
  const Outcome outcome = run_tool({"report", "--held", scratch_ / "mem"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  // (The stack of the coroutine has several roots: how many, nobody counts.)
  EXPECT_THAT(lines_of(outcome.out).at(0), AllOf(HasSubstr(" blocks still reachable, "), Not(HasSubstr("held by"))));
  EXPECT_THAT(outcome.out, ContainsRegex("in_data \\(lost_and_held.c:[0-9]+\\) holds 3 blocks, 309 bytes\n"));
  EXPECT_THAT(outcome.out, ContainsRegex("elements \\(lost_and_held.c:[0-9]+\\) holds 1 block, 128 bytes\n"));
  std::uint64_t blocks = 0, all = 0, least = ~std::uint64_t{0};
  for (const std::string& line : lines_of(outcome.out)) {
    if (all == 0) {
      all = std::stoull(line);
      continue;
    }
    const std::size_t shared = line.find("several roots: "), holds = line.find(" holds ");
    const std::string amount = line.substr(holds != std::string::npos ? holds + 7 : shared + 15);
    blocks += std::stoull(amount);
    const std::uint64_t bytes = std::stoull(amount.substr(amount.find(", ") + 2));
    EXPECT_LE(bytes, least) << line;  // largest first
    least = bytes;
  }
  EXPECT_EQ(blocks, all);
  EXPECT_EQ(all, report(scratch_ / "mem", {"--lost"}).at("totals").at("kinds").at("reachable").at("blocks"));
}

TEST_P(Why, WhatEachRootHoldsIsThereForProgramsToo) {
  const Outcome outcome = run_tool({"report", "--held", "--format", "json", "--top", "3", scratch_ / "mem"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("pid"), process_->pid());
  const auto blocks_of = [](const nlohmann::json& one) { return one.at("blocks").get<std::uint64_t>(); };
  std::uint64_t blocks = blocks_of(json.at("not_shown"));
  for (const auto& root : json.at("roots")) blocks += blocks_of(root);
  EXPECT_EQ(blocks, blocks_of(json.at("held")));
  ASSERT_EQ(json.at("roots").size(), 3u);
  EXPECT_EQ(json.at("roots")[0].at("is_shared"), true) << "the stack of the coroutine, and what it holds";
  EXPECT_EQ(json.at("roots")[1].at("bytes"), 8001);
  EXPECT_EQ(run_tool({"report", "--held", "--format", "folded", scratch_ / "mem"}).err,
            "leakdir: --held is for text and JSON\n");
}

TEST_P(Why, MistakesAreToldFromAnswers) {
  Outcome outcome = run_tool({"why", scratch_ / "mem", "0x1"});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("no live block is at 0x1"));
  outcome = run_tool({"why", scratch_ / "mem", "here"});
  EXPECT_TRUE(outcome.exited_with(2)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("here is no address"));
  process_->kill(SIGKILL);
  process_->wait();
  outcome = run_tool({"why", scratch_ / "mem", addresses_.at(101)});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("--core FILE"));
}

class WhyInALibrary : public testing::TestWithParam<std::string> {};

// Of libraries that were there at the start, and of those that came by dlopen, whose data lie in a block of libc's.
TEST_P(WhyInALibrary, AThreadLocalVariableIsNamed) {
  const std::string program = target("thread_local_in_library", GetParam());
  for (const std::string name : {"thread_local_library.so", "thread_local_library_stripped.so"}) {
    for (const bool comes_by_dlopen : {true, false}) {
      SCOPED_TRACE(name + (comes_by_dlopen ? " by dlopen" : " at the start"));
      const std::string library = std::string(kTargets) + "/" + name;
      Scratch scratch;
      RunOptions options{"", {}, {}, 300};
      if (comes_by_dlopen) options.arguments = {library};
      Command command = command_for(scratch, program, options);
      if (!comes_by_dlopen) {
        std::string& preloaded = command.env["LD_PRELOAD"];
        preloaded += (preloaded.empty() ? "" : ":") + library;
      }
      Process process(command);
      ASSERT_TRUE(process.says("ready\n"));
      const nlohmann::json json = report(scratch / "mem");
      for (const std::uint64_t size : {2001, 2003}) {
        std::string address;
        for (const auto& stack : json.at("stacks"))
          if (stack.at("bytes") == size) address = stack.at("addresses")[0];
        const Outcome outcome = run_tool({"why", scratch / "mem", address});
        const std::string variable =
            name == "thread_local_library.so"
                ? "in_library \\(thread_local_library.c:[0-9]+, thread-local in thread_local_library.so\\)"
                : "thread-local data of thread_local_library_stripped.so";
        const std::string thread = std::to_string(process.pid());
        EXPECT_THAT(outcome.out,
                    ContainsRegex("is still reachable\nheld by " + variable + " of thread [0-9]+.* \\+[0-9]+\n" +
                                  "  -> 0x[0-9a-f]+: " + std::to_string(size) + " bytes"))
            << outcome.describe();
        EXPECT_EQ(outcome.out.find("of thread " + thread) != std::string::npos, size == 2001) << outcome.out;
      }
      const Outcome held = run_tool({"report", "--held", scratch / "mem"});
      EXPECT_THAT(held.out,
                  ContainsRegex(
                      "in thread_local_library.so\\) of thread .* holds 1 block, 2003 bytes|"
                      "thread-local data of thread_local_library_stripped.so of thread .* holds 1 block, 2003 bytes"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, WhyInALibrary, testing::Values("pie", "preload"),
                         [](const auto& info) { return case_name(info.param); });
INSTANTIATE_TEST_SUITE_P(Kinds, Why, testing::Values("static", "static-pie", "pie", "preload"),
                         [](const auto& info) { return case_name(info.param); });

}  // namespace
}  // namespace leakdir_test
