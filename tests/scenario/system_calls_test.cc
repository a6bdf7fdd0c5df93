// SPDX-License-Identifier: BSL-1.0
//
// lib/README.md says which system calls leakdir makes, for whoever writes a filter: strace is asked whether there are
// others. And a forked child makes no more of the dear ones than it needs.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "groups.hh"
#include "paths.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using Names = std::set<std::string>;

Names in_section() {
  const std::string text = read_file(std::string(kSourceRoot) + "/lib/README.md");
  const std::size_t start = text.find("## What it asks of the system");
  const std::string section = text.substr(start, text.find("\n## ", start + 1) - start);
  Names names;
  for (const Groups& quoted : all_groups_in(section, "`([^`]*)`"))
    for (const Groups& word : all_groups_in(quoted[1], "[a-z_0-9]+")) names.insert(word[0]);
  return names;
}

class SystemCalls : public testing::TestWithParam<std::string> {
 protected:
  // Empty where nobody may look on.
  Names of(const std::string& program, const std::string& options, const std::vector<std::string>& arguments) const {
    trace(program, options, arguments);
    Names names;
    for_each_call([&](const std::string&, const std::string& name, bool) { names.insert(name); });
    return names;
  }
  Outcome trace(const std::string& program, const std::string& options,
                const std::vector<std::string>& arguments) const {
    Command command = command_for(scratch_, program, {options, arguments, {}, 60});
    command.argv.insert(command.argv.begin(), {"strace", "-f", "-q", "-o", scratch_ / "calls"});
    return run(command);
  }
  // visit(thread, name, whether it goes on after a break)
  template <typename Visit>
  void for_each_call(Visit visit) const {
    if (!exists(scratch_ / "calls")) return;
    for (const std::string& line : lines_of(read_file(scratch_ / "calls"))) {
      const Groups match = groups_of(line, "(\\d+) +(<\\.\\.\\. )?([a-z_0-9]+)[( ].*");
      if (!match.empty()) visit(match[1], match[3], !match[2].empty());
    }
  }
  Scratch scratch_;
};

TEST_P(SystemCalls, AreThoseOfTheReadme) {
  const std::string kind = GetParam();
  const Names without = of(target("leaks", "none"), "", {"20", "0"});
  if (without.count("write") == 0) GTEST_SKIP() << "strace may not look on here";
  Names told = in_section();
  // What the program does by itself, and libc for it: from 2.43 on fclose puts a file's position where reading ended,
  // and a static program of 2.31 asks for the kernel's release.
  told.insert(without.begin(), without.end());
  told.insert({"clock_nanosleep", "exit_group", "exit", "lseek", "readlink", "set_robust_list", "wait4", "fork",
               "vfork", "mremap", "uname"});
  const std::vector<std::pair<std::string, std::vector<std::string>>> doings = {
      {"leaks", {"300", "250"}}, {"bad_free", {"double"}}, {"deep", {}}, {"moves_a_block", {}}};
  for (const auto& [name, arguments] : doings) {
    for (const char* options : {"write=behind", "write=sync", "write=exit", "recording=0", "unwind=boost"}) {
      const Names made = of(target(name, kind), options, arguments);
      EXPECT_GT(made.size(), 10u) << name;
      for (const std::string& call : made) EXPECT_EQ(told.count(call), 1u) << call << " by " << name << " " << options;
    }
  }
}

TEST_P(SystemCalls, AreFewWhenItIsDisabled) {
  const Names made = of(target("leaks", GetParam()), "enabled=0", {"20", "0"});
  if (made.empty()) GTEST_SKIP() << "strace may not look on here";
  for (const char* call : {"clone", "mkdirat", "futex", "flock", "fallocate", "membarrier", "madvise", "unlinkat"})
    EXPECT_EQ(made.count(call), 0u) << call;
}

// One that allocates, frees what it has, and exits. What it does beside these takes no time to speak of.
TEST_P(SystemCalls, OfAForkedChildAreNoMoreThanItNeeds) {
  const Outcome outcome = trace(target("forks_for_each", GetParam()), "write=behind", {"exit", "1"});
  const std::string child = said(outcome.out, "last", "pid");
  std::map<std::string, int> made;
  for_each_call([&](const std::string& thread, const std::string& name, bool goes_on) {
    if (thread == child && !goes_on) ++made[name];
  });
  if (made.empty()) GTEST_SKIP() << "strace may not look on here";
  const std::map<std::string, int> most = {{"mmap", 12},    {"munmap", 2},    {"openat", 3},    {"mkdirat", 1},
                                           {"unlinkat", 2}, {"fallocate", 2}, {"newfstatat", 5}};
  for (const auto& [name, count] : most) EXPECT_LE(made[name], count) << name;
  EXPECT_EQ(made["mkdirat"], 1);
}

INSTANTIATE_TEST_SUITE_P(Linked, SystemCalls, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
