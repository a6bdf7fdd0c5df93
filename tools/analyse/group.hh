// SPDX-License-Identifier: BSL-1.0
//
// Live blocks by what their stacks contain. Pure functions over a Snapshot; every command that counts uses them.

#pragma once

#include <cstdint>
#include <vector>

#include "load/snapshot.hh"

namespace leakdir::tool {

enum class Sort { kBytes, kBlocks, kAge };

struct GroupOptions {
  bool lists_libc = false;  // libc's and the C++ runtime's own blocks too
  std::int64_t min_age_ns = 0;
  Sort sort = Sort::kBytes;
};

// All blocks that came from one function through one stack. Two stacks are the same when their frames lie at the same
// offsets in the same files, wherever those were loaded.
struct Group {
  std::uint32_t stack = kNone;  // that of its oldest block
  std::uint8_t call = 0;
  bool is_truncated = false;    // some stacks were deeper than what was kept
  bool is_early = false;        // some blocks are from before start-up: the caller is all that is known
  std::uint64_t inherited = 0;  // blocks that the parent allocated before fork
  std::uint64_t bytes = 0;
  std::int64_t oldest_ns = 0;         // time of the oldest block
  std::vector<std::uint32_t> blocks;  // indices into Snapshot::blocks, in order of sequence
};

struct Grouped {
  std::vector<Group> groups;  // the first is the largest, by GroupOptions::sort
  Sort sort = Sort::kBytes;
  std::uint64_t blocks = 0, bytes = 0;
  // Left out, and why. Blocks under leakdir_ignore() are always left out.
  std::uint64_t libc_blocks = 0, libc_bytes = 0, ignored_blocks = 0, young_blocks = 0;
  std::uint64_t suppressed_blocks = 0, suppressed_bytes = 0;  // by suppressions.cc
};

Grouped group(const Snapshot& snapshot, const GroupOptions& options);

}  // namespace leakdir::tool
