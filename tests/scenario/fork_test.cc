// SPDX-License-Identifier: BSL-1.0
//
// Forked children: no deadlock, the parent's records untouched, the child's own in DIR/<pid>/; and children that only
// exec leave nothing.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "groups.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

// The child ended well, holds what it inherited (with the blocks that the parent's threads had in hand) but for the
// block that it freed, and one block of its own.
void expect_child(const std::string& dir) {
  SCOPED_TRACE(dir);
  EXPECT_EQ(sizes_of(records_in(dir)), std::vector<std::uint64_t>{5003});
  EXPECT_TRUE(names_in(dir, ".badfree").empty());
}

// What a child has from its parent has no file there, and is shown all the same.
void expect_inherited(const std::string& dir) {
  std::uint64_t own = 0, of_parent = 0;
  const nlohmann::json json = report(dir);
  for (const auto& stack : json.at("stacks")) {
    const std::uint64_t bytes = stack.at("bytes"), blocks = stack.at("blocks");
    EXPECT_FALSE(blocks == 1 && bytes == 4013) << "freed by the child";
    if (blocks == 1 && (bytes == 4001 || bytes == 4003 || bytes == 4007)) ++of_parent;
    if (!stack.contains("inherited")) own += blocks;
    EXPECT_FALSE(bytes == 5003 && stack.contains("inherited"));
  }
  EXPECT_EQ(own, 1u);
  EXPECT_EQ(of_parent, 3u);
}

struct ForkMode {
  const char *kind, *write;
  int forks;
};

void PrintTo(const ForkMode& mode, std::ostream* out) { *out << mode.kind << " " << mode.write; }

class Fork : public testing::TestWithParam<ForkMode> {};

TEST_P(Fork, OfAThreadedProgramKeepsAllRecordsApart) {
  const ForkMode& mode = GetParam();
  const Scratch scratch;
  const Outcome outcome =
      run_in(scratch, target("fork_with_threads", mode.kind),
             {std::string("max_children=1000:write=") + mode.write, {std::to_string(mode.forks)}, {}, 240});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
  EXPECT_TRUE(names_in(scratch / "mem", ".badfree").empty());
  int children = 0;
  for (const std::string& line : lines_of(outcome.out)) {
    if (line.rfind("child ", 0) != 0) continue;
    const Groups m = groups_of(line, "child (\\d+) (exit|_exit)");
    ASSERT_FALSE(m.empty()) << line;
    ++children;
    const std::string dir = scratch / "mem/" + m[1];
    ASSERT_TRUE(exists(dir + "/.ledger")) << dir;
    EXPECT_EQ(mode_of(dir), 0700u);
    if (m[2] == "_exit") {
      if (children % 20 != 1) continue;  // one tool run each: some of them are enough
      EXPECT_EQ(report(dir).at("state"), "killed");
      ASSERT_TRUE(run_tool({"recover", dir}).exited_with(0));
    }
    expect_child(dir);
    if (m[2] == "exit" && children % 20 == 2) expect_inherited(dir);
    if (HasFailure()) break;
  }
  EXPECT_EQ(children, mode.forks);
}

// In sync mode each call of the four threads makes or removes a file meanwhile: fewer forks.
INSTANTIATE_TEST_SUITE_P(Linked, Fork,
                         testing::Values(ForkMode{"static", "behind", 300}, ForkMode{"pie", "behind", 300},
                                         ForkMode{"static", "exit", 100}, ForkMode{"pie", "sync", 20},
                                         ForkMode{"preload", "behind", 40}),
                         [](const testing::TestParamInfo<ForkMode>& info) {
                           return std::string(info.param.kind) + "_" + info.param.write;
                         });

// A process tree as one: what a child has inherited is counted where it belongs, with its parent.
TEST(ReportAll, ShowsATreeAsOne) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("fork_with_threads", "static"), {"write=exit:reach=0", {"6"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const nlohmann::json json = report(scratch / "mem", {"--all"});
  EXPECT_EQ(totals_of(json).blocks, 9u);
  EXPECT_EQ(totals_of(json).bytes, 4001u + 4003u + 4007u + 6 * 5003u);
  EXPECT_EQ(json.at("stacks").size(), 4u);
  EXPECT_EQ(json.at("stacks")[0].at("blocks"), 6u);
  ASSERT_EQ(json.at("processes").size(), 7u);
  std::set<std::string> states;
  for (const auto& process : json.at("processes")) {
    const bool is_parent = process.at("pid") == json.at("pid");
    EXPECT_EQ(process.at("program"), target("fork_with_threads", "static"));
    EXPECT_EQ(process.at("blocks"), is_parent ? 3u : 1u);
    EXPECT_EQ(process.at("bytes"), is_parent ? 12011u : 5003u);
    states.insert(process.at("state").get<std::string>());
  }
  EXPECT_EQ(states, (std::set<std::string>{"exited", "killed"}));

  const Outcome check = run_tool({"check", "--all", scratch / "mem"});
  EXPECT_TRUE(check.exited_with(23)) << check.describe();
  EXPECT_NE(check.out.find("9 live blocks"), std::string::npos) << check.out;
  const Outcome written = run_tool({"check", "--all", "--write-baseline", scratch / "known", scratch / "mem"});
  EXPECT_TRUE(written.exited_with(0)) << written.describe();
  const Outcome known = run_tool({"check", "--all", "--baseline", scratch / "known", scratch / "mem"});
  EXPECT_TRUE(known.exited_with(0)) << known.describe();

  const Outcome text = run_tool({"report", "--all", scratch / "mem"});
  EXPECT_THAT(text.out, testing::HasSubstr("\n7 processes as one:\n"));
  EXPECT_THAT(text.out, testing::HasSubstr("\n30018 bytes (29.3 KiB) in 6 blocks, "));

  for (const auto& process : json.at("processes"))
    if (process.at("pid") != json.at("pid"))
      write_file(scratch / ("mem/" + process.at("pid").dump() + "/.ledger"), "?");
  const Outcome doubtful = run_tool({"check", "--all", "--baseline", scratch / "known", scratch / "mem"});
  EXPECT_TRUE(doubtful.exited_with(3)) << "what cannot be read may have leaked: " << doubtful.describe();
}

// Who becomes a daemon leaves a process behind that ended without a look. What that held lives on in the child.
class CheckOfATree : public testing::TestWithParam<const char*> {
 protected:
  void run_launcher(const std::string& what) {
    std::filesystem::remove_all(scratch_ / "mem");
    const Outcome outcome = run_in(scratch_, target("launcher", GetParam()), {"", {what}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  }
  Outcome tool(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--all", "--lost", "mem"});
    return run_tool(arguments, scratch_.path());
  }

  Scratch scratch_;
};

TEST_P(CheckOfATree, TakesTheChildsWordForWhatItHasInherited) {
  for (const std::string what : {"held", "freed"}) {
    run_launcher(what);
    const Outcome check = tool({"check"});
    EXPECT_TRUE(check.exited_with(0)) << what << check.describe();
    EXPECT_THAT(check.out, testing::StartsWith("no lost block; 3 blocks, 14157 bytes (13.8 KiB) are still reachable"));
    EXPECT_THAT(check.err, testing::HasSubstr("ended without exit(); its 2 blocks live on in its child, process "));
    EXPECT_THAT(tool({"metrics"}).out, testing::ContainsRegex("\nleakdir_trusted[^\n]* 1\n"));
  }
  run_launcher("lost");
  const Outcome check = tool({"check"});
  EXPECT_TRUE(check.exited_with(23)) << check.describe();
  EXPECT_THAT(check.out, testing::StartsWith("leak: 1 lost block, 4703 bytes in 1 stack"));
  const Outcome report = tool({"report"});
  EXPECT_TRUE(report.exited_with(0)) << report.describe();
  EXPECT_THAT(report.out, testing::HasSubstr("\n4703 bytes in 1 block definitely lost, "));
}

// It may have lost since the fork what its child holds.
TEST_P(CheckOfATree, DoesNotTakeTheChildsWordForAProcessThatWentOn) {
  run_launcher("after");
  const Outcome check = tool({"check"});
  EXPECT_TRUE(check.exited_with(3)) << check.describe();
  EXPECT_THAT(check.out,
              testing::MatchesRegex("no trustworthy data: no leak was seen, but process [0-9]+: which blocks "
                                    "are lost is not known: it ended without exit\\(\\).*\n"));
  // What can be told is told.
  const Outcome report = tool({"report", "--kinds", "all"});
  EXPECT_TRUE(report.exited_with(0)) << report.describe();
  EXPECT_THAT(report.out, testing::HasSubstr("\nstill reachable: 1 block, 4733 bytes in 1 stack\n"));
  EXPECT_THAT(report.out,
              testing::ContainsRegex("\nnot known: 3 blocks, 14153 bytes [^\n]* in 3 stacks: of process [0-9]+: "
                                     "it ended without exit"));
  EXPECT_THAT(tool({"metrics"}).out, testing::ContainsRegex("\nleakdir_trusted[^\n]* 0\n"));

  const Outcome leaks = run_in(scratch_, target("leaks", GetParam()), {"dir=mem/77:write=exit", {"3"}, {}, 60});
  ASSERT_TRUE(leaks.exited_with(0)) << leaks.describe();
  const Outcome leak = tool({"check"});
  EXPECT_TRUE(leak.exited_with(23)) << leak.describe();
  EXPECT_THAT(leak.err,
              testing::ContainsRegex("note: there may be more: process [0-9]+: which blocks are lost is not"));
}

INSTANTIATE_TEST_SUITE_P(Linked, CheckOfATree, testing::Values("static", "pie"),
                         [](const auto& info) { return std::string(info.param); });

// Wherever each of them was loaded.
TEST(ReportAll, TakesSeveralDirectories) {
  const Scratch scratch;
  for (const char* dir : {"one", "two"}) {
    ASSERT_TRUE(run_in(scratch, target("leaks", "pie"), {std::string("dir=./") + dir, {"3"}, {}, 60}).exited_with(0));
  }
  const nlohmann::json one = report(scratch / "one"), both = report(scratch / "one", {scratch / "two"});
  EXPECT_FALSE(one.contains("processes"));
  EXPECT_EQ(both.at("processes").size(), 2u);
  EXPECT_EQ(totals_of(both).blocks, 6u);
  ASSERT_EQ(both.at("stacks").size(), one.at("stacks").size());
  for (std::size_t i = 0; i < one.at("stacks").size(); ++i) {
    EXPECT_EQ(both.at("stacks")[i].at("blocks"), 2 * one.at("stacks")[i].at("blocks").get<unsigned>());
    EXPECT_EQ(both.at("stacks")[i].at("frames")[0].at("line"), one.at("stacks")[i].at("frames")[0].at("line"));
  }
}

class NotRecorded : public testing::TestWithParam<std::string> {};

TEST_P(NotRecorded, ChildrenDoTheirWorkAndLeaveNothing) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("fork_with_threads", GetParam()), {"children=0", {"40"}, {}, 240});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
  for (const std::string& name : names_in(scratch / "mem"))
    EXPECT_NE(name.find_first_not_of("0123456789"), std::string::npos) << name;
}

INSTANTIATE_TEST_SUITE_P(Linked, NotRecorded, testing::Values("static", "pie", "preload"));

// A child that holds nothing of its own leaves nothing, however it ends; of those that do, so many are kept.
class Connections : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  std::size_t directories() const {
    std::size_t count = 0;
    for (const std::string& name : names_in(scratch_ / "mem")) count += is_process(name);
    return count;
  }
  static bool is_process(const std::string& name) { return name.find_first_not_of("0123456789") == std::string::npos; }
  Outcome run_server(const std::string& options, const std::string& how, int children) {
    const auto& [kind, write] = GetParam();
    return run_in(scratch_, target("forks_for_each", kind),
                  {"write=" + write + ":" + options, {how, std::to_string(children)}, {}, 240});
  }
  Scratch scratch_;
};

TEST_P(Connections, ThatHoldNothingLeaveNothing) {
  for (const std::string how : {"exit", "_exit", "killed"}) {
    SCOPED_TRACE(how);
    const Outcome outcome = run_server("", how, 60);
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_LE(std::stoul(said(outcome.out, "at most", "directories")), how == "exit" ? 0u : 16u);
    EXPECT_EQ(directories(), 0u);
    EXPECT_EQ(outcome.err.rfind("leakdir: 2 live blocks, 8010 bytes at exit: ./mem", 0), 0u) << outcome.err;
    EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
    EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, 2u);
  }
}

TEST_P(Connections, ThatLeakAreKeptUpToALimitTheOldestGoFirst) {
  const Outcome outcome = run_server("max_children=10:summary=0", "leak", 60);
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_LE(std::stoul(said(outcome.out, "at most", "directories")), 26u);
  EXPECT_EQ(directories(), 10u);
  const std::string last = said(outcome.out, "last", "pid");
  std::uint64_t own = 0;
  const nlohmann::json json = report(scratch_ / ("mem/" + last));
  for (const auto& stack : json.at("stacks"))
    own += stack.contains("inherited") ? 0 : stack.at("bytes").get<std::uint64_t>();
  EXPECT_EQ(own, 6001u);
  EXPECT_THAT(run_tool({"report", scratch_ / "mem"}).out, testing::HasSubstr("50 earlier children"));
}

// A daemon that forks and goes on in the child, again and again.
TEST_P(Connections, InAChainAreKeptUpToALimitAndLeaveTheirChildrenNoMemory) {
  const Outcome outcome = run_server("max_children=10:summary=0", "chain", 60);
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_LE(std::stoul(said(outcome.out, "at most", "directories")), 27u);
  EXPECT_LT(std::stol(said(outcome.out, "at most", "mappings")), 10);
  EXPECT_LE(directories(), 11u) << "the last child may have been ending still";
  EXPECT_TRUE(exists(scratch_ / ("mem/" + said(outcome.out, "last", "pid")))) << "the youngest";
}

INSTANTIATE_TEST_SUITE_P(Of, Connections,
                         testing::Combine(testing::Values("static", "pie"), testing::Values("behind", "exit", "never")),
                         [](const testing::TestParamInfo<Connections::ParamType>& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

// It can record nothing, and neither can its own children: all do their work.
class Grandchild : public testing::TestWithParam<std::string> {};

TEST_P(Grandchild, OfAChildWithoutADirectoryAllocates) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("grandchild", GetParam()), {"write=behind", {}, {}, 60});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.out, "child 0\n");
}

INSTANTIATE_TEST_SUITE_P(Linked, Grandchild, testing::Values("static", "pie"));

// Each of these children frees a pointer into the middle of a block of its parent's: that is a bad free, wherever in
// its cell of the index the block begins.
TEST_P(Grandchild, OrItsParentFreesWhatBeginsElsewhere) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("frees_inside_inherited", GetParam()), {"", {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::set<std::string> begins;
  for (const std::string& line : lines_of(outcome.out)) {
    SCOPED_TRACE(line);
    EXPECT_EQ(said(line, "child", "status"), "0");
    begins.insert(said(line, "child", "of"));
    const std::string dir = scratch / "mem/" + said(line, "child", "pid");
    EXPECT_EQ(names_in(dir, ".badfree").size(), 1u);
    EXPECT_EQ(sizes_of(records_in(dir)), std::vector<std::uint64_t>{1009});
  }
  EXPECT_EQ(begins, (std::set<std::string>{"cell", "middle"}));
}

// The parent frees and allocates before the child allocates first. The child leaves out the blocks that it cannot
// describe any more, and frees them as any others.
class ParentGoesOn : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(ParentGoesOn, AndTheChildMakesTheBestOfWhatItCannotKnow) {
  const auto& [kind, where] = GetParam();
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("parent_goes_on", kind), {"", {where}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(said(outcome.out, "child", "status"), "0");
  const std::string dir = scratch / "mem/" + said(outcome.out, "child", "pid");
  EXPECT_EQ(report(dir).at("bad_frees").size(), 0u);
  using Sizes = std::vector<std::uint64_t>;
  EXPECT_EQ(sizes_of(records_in(dir)), where == "there" ? Sizes{1013} : (Sizes{1009, 1013}));
  EXPECT_TRUE(names_in(dir, ".badfree").empty());
}

INSTANTIATE_TEST_SUITE_P(Linked, ParentGoesOn,
                         testing::Combine(testing::Values("static", "pie"), testing::Values("elsewhere", "there")),
                         [](const testing::TestParamInfo<ParentGoesOn::ParamType>& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

// What the parent has made since the fork is not the child's, however like the block it is whose place it has.
class ReplacedSinceFork : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(ReplacedSinceFork, IsNotInherited) {
  const auto& [kind, by] = GetParam();
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("replaced_since_fork", kind), {"", {by}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(said(outcome.out, "child", "status"), "0");
  const nlohmann::json of_child = report(scratch / "mem/" + said(outcome.out, "child", "pid"));
  std::multimap<std::uint64_t, bool> inherited_by_size;
  for (const auto& stack : of_child.at("stacks")) {
    inherited_by_size.emplace(stack.at("bytes"), stack.contains("inherited"));
  }
  EXPECT_EQ(inherited_by_size, (std::multimap<std::uint64_t, bool>{{1013, false}, {1019, true}}));
}

INSTANTIATE_TEST_SUITE_P(Linked, ReplacedSinceFork,
                         testing::Combine(testing::Values("static", "pie"), testing::Values("main", "later", "thread")),
                         [](const testing::TestParamInfo<ReplacedSinceFork::ParamType>& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

// What a row of the ledger has no room for is in the records, in the report, in what a child has from its parent, and
// in what is said of a double free.
class LargeBlocks : public testing::TestWithParam<std::string> {};

TEST_P(LargeBlocks, HaveTheirSizesEverywhere) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("large_blocks", GetParam()), {"", {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(said(outcome.out, "child", "status"), "0");
  const std::string dir = scratch / "mem", childs = dir + "/" + said(outcome.out, "child", "pid");
  using Sizes = std::vector<std::uint64_t>;
  const Sizes all = {24, 65535, 65536, 65537, 65543, 70001, 196613, 5000011};
  const auto records = records_in(dir);
  EXPECT_EQ(sizes_of(records), all);
  for (const Record& record : records) {
    if (record.call == "malloc") EXPECT_EQ(record.stack.frames.size(), records[0].stack.frames.size());
  }

  const nlohmann::json json = report(dir);
  EXPECT_EQ(json.at("totals").at("bytes"), std::accumulate(all.begin(), all.end(), std::uint64_t{0}));
  EXPECT_EQ(json.at("stacks").size(), 3u) << "whatever the sizes: malloc's from two lines, and realloc's";
  const auto bad = bad_frees_in(dir);
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].kind, "double free");
  EXPECT_EQ(bad[0].allocation.frames.size(), records[0].stack.frames.size());
  EXPECT_EQ(bad[0].block_size, 100003u);

  EXPECT_EQ(sizes_of(records_in(childs)), Sizes{1000003});
  std::uint64_t inherited = 0;
  const nlohmann::json of_child = report(childs);
  for (const auto& stack : of_child.at("stacks")) {
    if (stack.contains("inherited")) inherited += stack.at("bytes").get<std::uint64_t>();
  }
  EXPECT_EQ(inherited, std::accumulate(all.begin(), all.end(), std::uint64_t{0}) - 70001);
}

INSTANTIATE_TEST_SUITE_P(Linked, LargeBlocks, testing::Values("static", "pie"));

// At the fork a thread is in the loader, and the child finds the loader's lock taken for ever.
class LoaderBusy : public testing::TestWithParam<std::string> {};

TEST_P(LoaderBusy, AtTheForkAndTheChildDoesNotWait) {
  for (const std::string options : {"", "unwind=boost"}) {
    SCOPED_TRACE(options);
    const Scratch scratch;
    const Outcome outcome = run_in(scratch, target("loader_busy", GetParam()), {options, {"locked"}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(said(outcome.out, "child", "status"), "0");
    expect_exactly(expected_by(outcome.out), records_in(scratch / ("mem/" + said(outcome.out, "child", "pid"))));
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, LoaderBusy, testing::Values("static", "pie"));

// Nor does it ask the loader where it could: it knows libraries that come and go all the same.
TEST(LoaderNotAsked, AChildKnowsLibrariesThatComeAndGo) {
  const Scratch scratch;
  const std::string a = std::string(kTargets) + "/reloaded_a.so", b = std::string(kTargets) + "/reloaded_b.so";
  const Outcome outcome = run_in(scratch, target("loader_busy", "pie"), {"", {"free", a, b}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(said(outcome.out, "child", "status"), "0");
  const auto records = records_in(scratch / ("mem/" + said(outcome.out, "child", "pid")));
  ASSERT_EQ(sizes_of(records), (std::vector<std::uint64_t>{5003, 5401, 5401, 5402, 5402}));
  for (const Record& record : records) {
    ASSERT_FALSE(record.stack.frames.empty());
    if (record.size == 5003) continue;
    EXPECT_EQ(record.stack.frames[0].module, record.size == 5401 ? a : b);
  }
}

// Few rows are looked through one by one, of very many the index is: where 100 000s were live the rows are the longer
// way. The index of a small process is 512 pages, which the child has not touched and is not to.
class Inherits : public testing::TestWithParam<std::string> {};
TEST_P(Inherits, TheSameByRowsAndByTheIndex) {
  for (const std::string ever : {"100", "300000"}) {
    SCOPED_TRACE(ever);
    const Scratch scratch;
    const Outcome outcome = run_in(scratch, target("inherits", GetParam()), {"write=never:reach=0", {ever}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    if (ever == "100") {
      EXPECT_LT(std::stoul(outcome.out.substr(7)), 512u);
    }
    std::map<std::uint64_t, std::uint64_t> blocks_of_size;
    for (const std::string& name : names_in(scratch / "mem")) {
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const nlohmann::json json = report(scratch / ("mem/" + name));
      for (const auto& stack : json.at("stacks")) {
        const std::uint64_t blocks = stack.at("blocks"), bytes = stack.at("bytes");
        blocks_of_size[bytes / blocks] += blocks;
      }
    }
    EXPECT_EQ(blocks_of_size, (std::map<std::uint64_t, std::uint64_t>{{1001, 9}, {2002, 1}}));
  }
}
INSTANTIATE_TEST_SUITE_P(Linked, Inherits, testing::Values("static", "pie"),
                         [](const auto& info) { return info.param; });

class Spawn : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(Spawn, OfChildrenThatOnlyExecLeavesNothing) {
  const auto& [kind, write] = GetParam();
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("spawns", kind), {"write=" + write, {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
  const std::vector<std::string> names = names_in(scratch / "mem");
  EXPECT_EQ(names.size(), 2u) << testing::PrintToString(names);  // .ledger and the record
}

INSTANTIATE_TEST_SUITE_P(Linked, Spawn,
                         testing::Combine(testing::Values("static", "pie"), testing::Values("behind", "sync", "exit")),
                         [](const testing::TestParamInfo<Spawn::ParamType>& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

}  // namespace
}  // namespace leakdir_test
