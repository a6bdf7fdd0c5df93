// SPDX-License-Identifier: BSL-1.0
#include "markdown.hh"

#include <gtest/gtest.h>

#include "run_program.hh"

namespace leakdir_test {

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
      blocks.back().commands += line + "\n";
    }
  }
  EXPECT_FALSE(inside) << "a block without an end";
  return blocks;
}

}  // namespace leakdir_test
