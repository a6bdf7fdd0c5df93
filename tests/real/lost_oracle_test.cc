// SPDX-License-Identifier: BSL-1.0
//
// The oracle for lost or held: of programs as Debian has them, Valgrind's --leak-check=full without leakdir, and what
// the process itself found at exit under libleakdir.so. What is definitely and indirectly lost is the same, block by
// block in number and bytes. So are the other two kinds, but in programs where libc or the C++ runtime keeps blocks of
// its own, which Valgrind counts and leakdir does not list: there, leakdir has fewer.

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using Words = std::vector<std::string>;

struct Program {
  std::string name;
  Words command;
  bool keeps_libcs_own;
};
void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }

struct Count {
  std::uint64_t blocks = 0, bytes = 0;
  bool operator==(const Count& other) const { return blocks == other.blocks && bytes == other.bytes; }
};
void PrintTo(const Count& count, std::ostream* out) {
  *out << count.bytes << " bytes in " << count.blocks << " blocks";
}
using Counts = std::map<std::string, Count>;  // by the words of the tool

Counts by_valgrind(const Program& program) {
  const Scratch scratch;
  Command command = {{"valgrind", "--leak-check=full"}, scratch.path(), {}, "", 300};
  command.argv.insert(command.argv.end(), program.command.begin(), program.command.end());
  const Outcome outcome = run(command);
  std::string text = outcome.err;
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  Counts counts;
  const std::map<std::string, std::string> words = {{"definitely lost", "definite"},
                                                    {"indirectly lost", "indirect"},
                                                    {"possibly lost", "possible"},
                                                    {"still reachable", "reachable"}};
  for (const auto& [valgrinds, ours] : words) {
    std::smatch m;
    if (!std::regex_search(text, m, std::regex(valgrinds + ": (\\d+) bytes in (\\d+) blocks")))
      throw std::runtime_error("valgrind: " + outcome.describe());
    counts[ours] = {std::stoull(m[2]), std::stoull(m[1])};
  }
  return counts;
}

Counts by_leakdir(const Program& program) {
  const Scratch scratch;
  Command command = {program.command, scratch.path(), {}, "", 120};
  command.env = {{"LD_PRELOAD", kLibrary}, {"LEAKDIR_OPTIONS", "write=never:summary=0:children=0"}};
  const Outcome outcome = run(command);
  if (!outcome.exited_with(0)) throw std::runtime_error(program.name + ": " + outcome.describe());
  Counts counts;
  const nlohmann::json json = report(scratch / "mem", {"--kinds", "all"});
  for (const auto& [kind, count] : json.at("totals").at("kinds").items())
    counts[kind] = {count.at("blocks").get<std::uint64_t>(), count.at("bytes").get<std::uint64_t>()};
  return counts;
}

class LostOracle : public testing::TestWithParam<Program> {};

TEST_P(LostOracle, SaysTheSame) {
  Counts theirs = by_valgrind(GetParam());
  Counts ours = by_leakdir(GetParam());
  EXPECT_EQ(ours["definite"], theirs["definite"]);
  EXPECT_EQ(ours["indirect"], theirs["indirect"]);
  for (const char* kind : {"possible", "reachable"}) {
    if (GetParam().keeps_libcs_own) {
      EXPECT_LE(ours[kind].blocks, theirs[kind].blocks) << kind;
      EXPECT_LE(ours[kind].bytes, theirs[kind].bytes) << kind;
    } else {
      EXPECT_EQ(ours[kind], theirs[kind]) << kind;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Debian, LostOracle,
                         testing::Values(Program{"sort", {"/usr/bin/sort", "/etc/passwd"}, false},
                                         Program{"ls", {"/bin/ls", "/"}, false},
                                         Program{"find", {"/usr/bin/find", "/etc/default"}, false},
                                         Program{"grep", {"/bin/grep", "root", "/etc/passwd"}, false},
                                         Program{"sed", {"/bin/sed", "-n", "1p", "/etc/passwd"}, false},
                                         Program{"tar", {"/bin/tar", "--version"}, false},
                                         Program{"mawk", {"/usr/bin/mawk", "BEGIN { print 1 }"}, false},
                                         Program{"git", {"/usr/bin/git", "--version"}, false},
                                         Program{"as", {"/usr/bin/as", "--version"}, false},
                                         Program{"bash", {"/bin/bash", "-c", ":"}, true},
                                         Program{"perl", {"/usr/bin/perl", "-e", "1"}, true},
                                         Program{"make", {"/usr/bin/make", "--version"}, true},
                                         Program{"nm", {"/usr/bin/nm", "/bin/true"}, true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace leakdir_test
