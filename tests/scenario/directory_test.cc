// SPDX-License-Identifier: BSL-1.0
//
// DIR: earlier runs, other processes, other people's files, symbolic links, modes, and staying where it was.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

class Directory : public testing::TestWithParam<std::string> {
 protected:
  Outcome run_leaks(const std::string& options, const std::vector<std::string>& arguments) {
    return run_in(scratch_, target("leaks", GetParam()), {options, arguments, {}, 60});
  }
  std::vector<std::uint64_t> sizes(const std::string& dir) { return sizes_of(records_in(scratch_ / dir)); }
  Scratch scratch_;
};
using Sizes = std::vector<std::uint64_t>;

TEST_P(Directory, IsSharedByNoneThatStartAtOnce) {
  for (int round = 0; round < 5; ++round) {
    for (const char* name : {"mem", "end"}) std::filesystem::remove_all(scratch_ / name);
    const std::string program = target("leaks", GetParam()) + " 3 end & ";
    Process all({{"sh", "-c", program + program + program + program + "wait"}, scratch_.path(), {}, "", 60});
    all.says("leaked\n", 4);
    write_file(scratch_ / "end", "");
    all.wait();
    EXPECT_EQ(sizes("mem"), (Sizes{2001, 2002, 2003}));
    unsigned others = 0;
    for (const std::string& name : names_in(scratch_ / "mem")) {
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      ++others;
      EXPECT_EQ(sizes("mem/" + name), (Sizes{2001, 2002, 2003}));
    }
    EXPECT_EQ(others, 3u);
    EXPECT_FALSE(exists(scratch_ / "mem/previous"));
  }
}

TEST_P(Directory, KeepsOneEarlierRunApart) {
  run_leaks("", {"3"});
  run_leaks("", {"2"});
  EXPECT_EQ(sizes("mem"), (Sizes{2001, 2002}));
  EXPECT_EQ(sizes("mem/previous"), (Sizes{2001, 2002, 2003}));
  EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, 2u);
  EXPECT_EQ(totals_of(report(scratch_ / "mem/previous")).blocks, 3u);
  run_leaks("", {"1"});
  EXPECT_EQ(sizes("mem"), (Sizes{2001}));
  EXPECT_EQ(sizes("mem/previous"), (Sizes{2001, 2002}));
  EXPECT_FALSE(exists(scratch_ / "mem/previous/previous"));
  run_leaks("", {"0"});
  expect_clean(scratch_ / "mem");
  EXPECT_EQ(sizes("mem/previous"), (Sizes{2001}));
}

TEST_P(Directory, KeepsTheLedgerOfAnEarlierRunThatWasKilled) {
  run_leaks("", {"3", "0", "_exit"});
  run_leaks("", {"1"});
  EXPECT_EQ(totals_of(report(scratch_ / "mem/previous")).blocks, 3u);
  ASSERT_TRUE(run_tool({"recover", scratch_ / "mem/previous"}).exited_with(0));
  EXPECT_EQ(sizes("mem/previous"), (Sizes{2001, 2002, 2003}));
}

TEST_P(Directory, KeepsBadFreesOfAnEarlierRunApart) {
  run_in(scratch_, target("bad_free", GetParam()), {"", {"double"}, {}, 60});
  EXPECT_EQ(names_in(scratch_ / "mem", ".badfree").size(), 1u);
  run_leaks("", {"1"});
  EXPECT_TRUE(names_in(scratch_ / "mem", ".badfree").empty());
  EXPECT_EQ(names_in(scratch_ / "mem/previous", ".badfree").size(), 1u);
}

TEST_P(Directory, BelongsToTheProcessThatLivesInIt) {
  Process first(command_for(scratch_, target("leaks", GetParam()), {"", {"3", "end"}, {}, 60}));
  first.says("leaked");
  Process second(command_for(scratch_, target("leaks", GetParam()), {"", {"2"}, {}, 60}));
  const Outcome second_outcome = second.wait();
  const std::string second_dir = "mem/" + std::to_string(second.pid());
  EXPECT_TRUE(second_outcome.exited_with(0)) << second_outcome.describe();
  EXPECT_EQ(sizes(second_dir), (Sizes{2001, 2002}));
  EXPECT_EQ(mode_of(scratch_ / second_dir), 0700u);
  EXPECT_FALSE(exists(scratch_ / "mem/previous"));
  write_file(scratch_ / "end", "");
  const Outcome outcome = first.wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(sizes("mem"), (Sizes{2001, 2002, 2003}));
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
}

TEST_P(Directory, LeavesForeignFilesAlone) {
  std::filesystem::create_directories(scratch_ / "mem/folder");
  const std::vector<std::string> foreign = {"mem/notes.txt", "mem/folder/0x123.mem", "mem/0x123.mem.bak", "mem/.hidden",
                                            "mem/x.mem",     "mem/readme.badfree"};
  for (const std::string& name : foreign) write_file(scratch_ / name, "mine: " + name);
  run_leaks("", {"2"});
  run_leaks("", {"1"});
  for (const std::string& name : foreign) {
    ASSERT_TRUE(exists(scratch_ / name)) << name;
    EXPECT_EQ(read_file(scratch_ / name), "mine: " + name);
  }
}

TEST_P(Directory, AndItsFilesAreForTheOwnerOnly) {
  run_leaks("", {"2"});
  EXPECT_EQ(mode_of(scratch_ / "mem"), 0700u);
  for (const std::string& name : names_in(scratch_ / "mem"))
    EXPECT_EQ(mode_of(scratch_ / "mem/" + name), name == "lost" ? 0700u : 0600u) << name;
  run_in(scratch_, target("bad_free", GetParam()), {"", {"double"}, {}, 60});
  const std::vector<std::string> bad = names_in(scratch_ / "mem", ".badfree");
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(mode_of(scratch_ / "mem/" + bad[0]), 0600u);
  EXPECT_EQ(mode_of(scratch_ / "mem/previous"), 0700u);
}

TEST_P(Directory, NeverWritesThroughASymbolicLink) {
  for (const char* write : {"behind", "sync", "exit"}) {
    SCOPED_TRACE(write);
    write_file(scratch_ / "victim", "untouched");
    const Outcome outcome =
        run_in(scratch_, target("plants_links", GetParam()), {std::string("write=") + write, {}, {}, 60});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(read_file(scratch_ / "victim"), "untouched");
    EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, 20u);
  }
}

TEST_P(Directory, NeverWritesItsLedgerThroughASymbolicLink) {
  std::filesystem::create_directory(scratch_ / "mem");
  write_file(scratch_ / "victim", "untouched");
  std::filesystem::create_symlink("../victim", scratch_ / "mem/.ledger");
  EXPECT_TRUE(run_leaks("", {"1"}).exited_with(0));
  EXPECT_EQ(read_file(scratch_ / "victim"), "untouched");
}

TEST_P(Directory, NeverMovesRecordsThroughASymbolicLink) {
  run_leaks("", {"1"});
  std::filesystem::create_directory(scratch_ / "elsewhere");
  std::filesystem::create_symlink("../elsewhere", scratch_ / "mem/previous");
  EXPECT_TRUE(run_leaks("", {"2"}).exited_with(0));
  EXPECT_TRUE(names_in(scratch_ / "elsewhere").empty()) << testing::PrintToString(names_in(scratch_ / "elsewhere"));
  EXPECT_EQ(sizes("mem"), (Sizes{2001, 2002}));
  EXPECT_EQ(sizes("mem/previous"), (Sizes{2001}));
}

INSTANTIATE_TEST_SUITE_P(Linked, Directory, testing::Values("static", "pie"));

class DirectoryStays : public testing::TestWithParam<std::tuple<std::string, std::string, std::string>> {};

// Three children could not record: it is said once, for all of them, and nobody vouches for the whole tree.
void expect_that_children_are_missed(const Scratch& scratch, const Outcome& outcome, const std::string& how) {
  const std::string line = how == "chroot"
                               ? "leakdir: children that are forked in another root directory are not recorded\n"
                               : "leakdir: cannot make the directory ";
  EXPECT_NE(outcome.err.find(line), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find(line), outcome.err.rfind(line)) << outcome.err;
  EXPECT_EQ(report(scratch / "mem")["not_recorded"]["children"], 3u);
  const Outcome tree = run_tool({"check", "--all", "--max-bytes", "1M", scratch / "mem"});
  EXPECT_TRUE(tree.exited_with(3)) << tree.describe();
  EXPECT_NE(tree.out.find("3 forked children of it could not record"), std::string::npos) << tree.describe();
  const Outcome one = run_tool({"check", "--max-bytes", "1M", scratch / "mem"});
  EXPECT_TRUE(one.exited_with(0)) << one.describe();
  EXPECT_NE(one.err.find("forked children that could not record"), std::string::npos) << one.describe();
}

TEST_P(DirectoryStays, WhereItWas) {
  const auto& [kind, how, write] = GetParam();
  if (geteuid() != 0 && (how == "chroot" || how == "setuid")) GTEST_SKIP() << "needs root";
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("moved", kind), {"write=" + write, {how}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  if (how ==
      "setuid") {  // the directory is root's, and closed to what the program is now: the ledger goes on, and it is said
    EXPECT_EQ(totals_of(report(scratch / "mem")).blocks, 2u);
    EXPECT_NE(outcome.err.find("leakdir: cannot write record files in ./mem (permission denied)"), std::string::npos)
        << outcome.err;
    const std::vector<std::uint64_t> sizes = sizes_of(records_in(scratch / "mem"));
    EXPECT_EQ(std::count(sizes.begin(), sizes.end(), 8009u), 0);
  } else {
    expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
  }
  EXPECT_EQ(mode_of(scratch / "mem"), 0700u);
  for (const std::string& name : names_in(scratch / "mem"))
    EXPECT_EQ(mode_of(scratch / "mem/" + name), name == "lost" ? 0700u : 0600u) << name;
  EXPECT_TRUE(names_in(scratch / "jail").empty());
  if (how == "chroot" || how == "setuid") expect_that_children_are_missed(scratch, outcome, how);
  EXPECT_TRUE(names_in(scratch / "elsewhere").empty());
}

// No helper was there yet that could still reach it.
TEST_P(Directory, OutOfReachFromTheStartIsSaid) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const Outcome outcome =
      run_in(scratch_, target("moved", GetParam()), {"delay_ms=5:write=behind", {"chroot-first"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<std::string> lines = lines_of(outcome.err);
  ASSERT_EQ(lines.size(), 2u) << outcome.err;
  EXPECT_EQ(lines[0].rfind("leakdir: cannot write record files in ./mem (", 0), 0u) << outcome.err;
  EXPECT_TRUE(records_in(scratch_ / "mem").empty());
  EXPECT_TRUE(names_in(scratch_ / "jail").empty());
  ASSERT_TRUE(run_tool({"recover", scratch_ / "mem"}).exited_with(0));
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
}

INSTANTIATE_TEST_SUITE_P(After, DirectoryStays,
                         testing::Combine(testing::Values("static", "pie"),
                                          testing::Values("chdir", "umask-none", "umask-all", "chroot", "setuid"),
                                          testing::Values("behind", "sync", "exit")),
                         [](const testing::TestParamInfo<DirectoryStays::ParamType>& info) {
                           return case_name(std::get<1>(info.param) + "_" + std::get<0>(info.param) + "_" +
                                            std::get<2>(info.param));
                         });

}  // namespace
}  // namespace leakdir_test
