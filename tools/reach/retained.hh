// SPDX-License-Identifier: BSL-1.0
//
// What each root holds by itself: the blocks that only it leads to. Those to which several lead are shared. A pure
// function.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "holders.hh"
#include "load/snapshot.hh"

namespace leakdir::tool {

struct Retained {
  std::string root;  // empty: several roots lead there
  std::uint64_t blocks = 0, bytes = 0;
  std::uint64_t recent_bytes = 0;  // of those that were made within the last minute
};

// Largest first. `name_of`: the root that has a pointer at this location; equal names are one root. Blocks that no
// report lists are left out.
std::vector<Retained> retained_by_root(
    const Snapshot& snapshot, const Holders& holders,
    const std::function<std::string(std::uint64_t location, std::uint32_t block)>& name_of);

}  // namespace leakdir::tool
