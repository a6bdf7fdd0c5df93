// SPDX-License-Identifier: BSL-1.0
//
// The commands of a page: what stands in its blocks fenced with ```sh.

#pragma once

#include <string>
#include <vector>

namespace leakdir_test {

struct Block {
  size_t line = 0;  // of the first command
  std::string commands;
};

// A block without an end fails the test.
std::vector<Block> sh_blocks_of(const std::string& markdown);

}  // namespace leakdir_test
