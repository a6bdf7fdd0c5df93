// SPDX-License-Identifier: BSL-1.0
//
// Runs every command of README.md: its blocks fenced with ```sh, in sequence, one shell for each, in a copy of the
// project whose build/ is the build under test. A line that runs the whole test suite is only checked to be runnable.

#include <gtest/gtest.h>
#include <unistd.h>

#include "defined.hh"
#include "markdown.hh"
#include "paths.hh"
#include "report_json.hh"
#include "run_program.hh"
#include "scratch_directory.hh"

namespace leakdir_test {
namespace {

// A line that runs the whole suite would run this test.
std::string without_suite(const std::string& commands) {
  std::string kept;
  for (const std::string& line : lines_of(commands)) {
    const bool is_suite =
        line.find("tools/test.sh") != std::string::npos || line.find("meson test") != std::string::npos;
    kept += is_suite ? "test -x tools/test.sh\n" : line + "\n";
  }
  return kept;
}

void copy_project(const std::string& to) {
  const std::string command = std::string("tar -C '") + kSourceRoot +
                              "' --exclude=./.git --exclude='./build*' -cf - . | tar -C '" + to + "' -xf -";
  const Outcome outcome = run({{"sh", "-c", command}, "", {}, "", 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
}

TEST(Readme, CommandsAllWork) {
  const std::vector<Block> blocks = sh_blocks_of(read_file(std::string(kSourceRoot) + "/README.md"));
  EXPECT_FALSE(blocks.empty());
  const Scratch scratch;
  copy_project(scratch.path());
  const std::string build_root = std::string(kTool).substr(0, std::string(kTool).rfind("/tools/"));
  ASSERT_EQ(symlink(build_root.c_str(), (scratch / "build").c_str()), 0);
  ASSERT_TRUE(run({{"sh", "-c", "git init -q . && git add -A"}, scratch.path(), {}, "", 60}).exited_with(0));
  for (const Block& block : blocks) {
    SCOPED_TRACE("README.md:" + std::to_string(block.line) + ":\n" + block.commands);
    const Outcome outcome =
        run({{"bash", "-e", "-u", "-o", "pipefail", "-c", without_suite(block.commands)}, scratch.path(), {}, "", 300});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  }
  const Outcome left = run({{"git", "ls-files", "--others", "--exclude-standard"}, scratch.path(), {}, "", 60});
  EXPECT_EQ(left.out, "") << "who follows the page in a clone finds these in git status";
}

std::string readme() { return read_file(std::string(kSourceRoot) + "/README.md"); }

// The table has a row for each option, and none for another. `help` stands above it.
TEST(Readme, HasEachOptionAndItsDefault) {
  const std::size_t begin = readme().find("\n## Options\n");
  ASSERT_NE(begin, std::string::npos);
  const std::string section = readme().substr(begin, readme().find("\n## ", begin + 1) - begin);
  std::map<std::string, std::string> options = defined_options();
  EXPECT_NE(section.find("`help=1`"), std::string::npos);
  options.erase("help");
  Names rows;
  for (const auto& [name, value] : options) {
    const bool is_number = value.find_first_not_of("0123456789") == std::string::npos;
    rows.insert("| `" + name + "` | " + (is_number ? value : "`" + value + "`") + " |");
  }
  EXPECT_EQ(all_in(section, "\n(\\| `\\w+` \\| [^|]* \\|)"), rows);
}

TEST(Readme, NamesEachCommandAndNoOther) {
  const std::string text = readme();
  const Names commands = defined_commands();
  Names told = all_in(text, "`leakdir ([a-z]+)[ `]");
  for (const std::string& other : told) EXPECT_EQ(commands.count(other), 1u) << "`leakdir " << other << "`";
  const Names in_short = all_in(text, "`([a-z]+)`");  // "`leakdir pause`, `resume` and `flush`"
  told.insert(in_short.begin(), in_short.end());
  for (const std::string& command : commands) EXPECT_EQ(told.count(command), 1u) << command;
}

TEST(Readme, NamesEachFunction) {
  const std::string text = readme();
  for (const std::string& hook : defined_hooks())
    EXPECT_EQ(all_in(text, "(\\b" + hook + "\\b)").count(hook), 1u) << hook;
  for (const std::string& function : defined_api()) EXPECT_NE(text.find(function + "("), std::string::npos) << function;
}

}  // namespace
}  // namespace leakdir_test
