// SPDX-License-Identifier: BSL-1.0
//
// The commands for gdb: what leakdir says of a process that gdb has stopped, and of one that has left a core.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Gdb : public testing::TestWithParam<std::string> {
 protected:
  std::string program() const { return target("in_debugger", GetParam()); }

  Outcome gdb(const std::vector<std::string>& commands, const std::vector<std::string>& programs) {
    std::vector<std::string> argv = {"gdb", "-nx", "-batch", "-x", std::string(kSourceRoot) + "/tools/gdb/leakdir.py"};
    std::vector<std::string> all = {std::string("set leakdir-tool ") + kTool, "set debuginfod enabled off"};
    all.insert(all.end(), commands.begin(), commands.end());
    for (const std::string& command : all) argv.insert(argv.end(), {"-ex", command});
    argv.insert(argv.end(), programs.begin(), programs.end());
    return run({argv, scratch_.path(), {}, "", 60});
  }

  Scratch scratch_;
};

constexpr char kChain[] =
    " is still reachable\n"
    "held by session_cache (in_debugger.c:16)\n";

TEST_P(Gdb, LooksAtAStoppedProcess) {
  const Outcome outcome =
      gdb({"break look_here", "run", "info leakdir --top 1", "echo ==\\n", "leakdir why session_cache->next->name",
           "echo ==\\n", "leakdir why ~hidden_address", "echo ==\\n", "leakdir report --lost --top 1"},
          {program()});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.out, HasSubstr("7 live blocks, 185 bytes in 7 stacks\n"));
  EXPECT_THAT(outcome.out, HasSubstr("77 bytes in 1 block, 41.6 %, malloc, "));
  EXPECT_THAT(outcome.out, HasSubstr(": 20 bytes, made in open_session (in_debugger.c:21)" + std::string(kChain)));
  EXPECT_THAT(outcome.out,
              HasSubstr(": 77 bytes, made in lose (in_debugger.c:27) is definitely lost\nnobody points to it\n"));
  EXPECT_THAT(outcome.out, HasSubstr("definitely lost: 1 block, 77 bytes in 1 stack\n"));
  EXPECT_THAT(outcome.out, HasSubstr("still reachable: 6 blocks, 108 bytes in 6 stacks"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("stands still")));
}

TEST_P(Gdb, LooksAtACore) {
  const Outcome made = gdb({"break look_here", "run", "generate-core-file core", "kill"}, {program()});
  EXPECT_TRUE(made.exited_with(0)) << made.describe();
  const Outcome outcome =
      gdb({"leakdir why session_cache", "leakdir why ~hidden_address", "info leakdir --held"}, {program(), "core"});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.out, HasSubstr(": 16 bytes, made in open_session (in_debugger.c:20)" + std::string(kChain)));
  EXPECT_THAT(outcome.out, HasSubstr("made in lose (in_debugger.c:27) is definitely lost\n"));
  EXPECT_THAT(outcome.out, HasSubstr("session_cache (in_debugger.c:16) holds 6 blocks, 108 bytes\n"));
}

TEST_P(Gdb, SaysWhyItCannot) {
  EXPECT_THAT(gdb({"info leakdir"}, {program()}).err, HasSubstr("There is no process, and no core.\n"));
  EXPECT_THAT(gdb({"start", "info leakdir"}, {target("leaks", "none")}).err, HasSubstr("No ledger is mapped: "));
  EXPECT_THAT(gdb({"break look_here", "run", "leakdir why 1"}, {program()}).out,
              HasSubstr("no live block is at 0x1\n"));
  EXPECT_THAT(gdb({"break look_here", "run", "set leakdir-tool nowhere", "info leakdir"}, {program()}).err,
              HasSubstr("The tool leakdir is not in PATH: `set leakdir-tool PATH`.\n"));
}

INSTANTIATE_TEST_SUITE_P(Linked, Gdb, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
