// SPDX-License-Identifier: BSL-1.0
//
// Runs every command of README.md: its blocks fenced with ```sh, in sequence, one shell for each, in a copy of the
// project whose build/ is the build under test. A line that runs the whole test suite is only checked to be runnable.

#include <gtest/gtest.h>
#include <unistd.h>

#include "paths.hh"
#include "report_json.hh"
#include "run_program.hh"
#include "scratch_directory.hh"

namespace leakdir_test {
namespace {

struct Block {
  size_t line = 0;
  std::string commands;
};

std::vector<Block> sh_blocks_of(const std::string& markdown) {
  std::vector<Block> blocks;
  bool inside = false;
  size_t number = 0;
  for (const std::string& line : lines_of(markdown)) {
    ++number;
    if (!inside && line == "```sh") {
      inside = true;
      blocks.push_back({number + 1, ""});
    } else if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      const bool is_suite =
          line.find("tools/test.sh") != std::string::npos || line.find("meson test") != std::string::npos;
      blocks.back().commands += is_suite ? "test -x tools/test.sh\n" : line + "\n";
    }
  }
  EXPECT_FALSE(inside) << "a block without an end";
  return blocks;
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
  for (const Block& block : blocks) {
    SCOPED_TRACE("README.md:" + std::to_string(block.line) + ":\n" + block.commands);
    const Outcome outcome =
        run({{"bash", "-e", "-u", "-o", "pipefail", "-c", block.commands}, scratch.path(), {}, "", 120});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  }
}

// What the README says of options and commands must be all of them.
TEST(Readme, NamesEveryOptionAndCommand) {
  const std::string readme = read_file(std::string(kSourceRoot) + "/README.md");
  for (const char* option : {"enabled", "recording", "dir", "write", "delay_ms", "unwind", "depth", "max_files",
                             "on_bad_free", "exitcode", "min_size", "summary", "libc"}) {
    EXPECT_NE(readme.find("`" + std::string(option) + "`"), std::string::npos) << option;
  }
  for (const char* command : {"leakdir report", "leakdir recover", "leakdir check", "leakdir diff", "leakdir save",
                              "leakdir pause", "leakdir watch", "leakdir doctor"}) {
    EXPECT_NE(readme.find(command), std::string::npos) << command;
  }
}

}  // namespace
}  // namespace leakdir_test
