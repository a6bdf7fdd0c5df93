// SPDX-License-Identifier: BSL-1.0
//
// Live blocks by what their stacks contain. Pure functions over a Snapshot; every command that counts uses them.

#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "estimate.hh"
#include "load/snapshot.hh"
#include "reach/kinds.hh"

namespace leakdir::tool {

enum class Sort { kBytes, kBlocks, kAge };

struct GroupOptions {
  bool lists_libc = false;  // libc's and the C++ runtime's own blocks too
  std::int64_t min_age_ns = 0;
  Sort sort = Sort::kBytes;
};

// All blocks of one kind that came from one function through one stack. Two stacks are the same when their frames lie
// at the same offsets in the same files, wherever those were loaded. A stack whose blocks are of several kinds is
// several groups.
struct Group {
  std::uint32_t stack = kNone;  // that of its oldest block
  std::uint8_t call = 0;
  ledger::Reach reach = ledger::Reach::kUnknown;
  std::uint64_t same_stack = 0;  // one number for the groups of one stack, whatever their kinds
  bool is_truncated = false;     // some stacks were deeper than what was kept
  bool is_early = false;         // some blocks are from before start-up: the caller is all that is known
  std::uint64_t inherited = 0;   // blocks that the parent allocated before fork
  std::uint64_t bytes = 0;
  Estimate all;                       // what its blocks stand for
  std::int64_t oldest_ns = 0;         // time of the oldest block
  std::vector<std::uint32_t> blocks;  // indices into Snapshot::blocks, in order of sequence
};

struct KindSum {
  std::uint64_t stacks = 0, blocks = 0, bytes = 0;
  Estimate all;
};
using KindSums = std::array<KindSum, ledger::kReaches>;  // by ledger::Reach

// What the runtime of a language keeps for itself (runtimes.hh).
struct RuntimeUse {
  std::string_view name;
  std::uint64_t stacks = 0, blocks = 0, bytes = 0;
};

struct Grouped {
  std::vector<Group> groups;  // by kind, in kKindOrder; of each kind the largest first, by GroupOptions::sort
  Sort sort = Sort::kBytes;
  std::uint64_t blocks = 0, bytes = 0;
  Estimate all;
  // Left out, and why. Blocks under leakdir_ignore() are always left out.
  std::uint64_t libc_blocks = 0, libc_bytes = 0, ignored_blocks = 0, young_blocks = 0;
  std::uint64_t suppressed_blocks = 0, suppressed_bytes = 0;  // by suppressions.cc
  std::vector<RuntimeUse> runtimes;                           // by runtimes.cc

  bool knows_kinds = false;   // see knows_kinds()
  KindSet kinds = kAllKinds;  // what is listed,
  KindSums hidden = {};       // and what is left out by keep_kinds()
};

// How many stacks they are: one whose blocks are of several kinds is one.
std::size_t count_stacks(const std::vector<Group>& groups);

Grouped group(const Snapshot& snapshot, const GroupOptions& options);

// Leaves out groups of other kinds, and counts them as hidden. Where no kind is known nothing happens.
void keep_kinds(Grouped& grouped, KindSet kinds);

// What is listed, and with what is hidden.
KindSums listed_kinds(const Grouped& grouped);
KindSums all_kinds(const Grouped& grouped);

}  // namespace leakdir::tool
