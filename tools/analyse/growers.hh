// SPDX-License-Identifier: BSL-1.0
//
// Who has allocated all through the run what is still live? A table is filled and then full, and what a request needs
// goes when it has been answered; a leak goes on. So among hundreds of stacks that is the one to look at first, however
// small it is. Told by the own frame: a function that leaks for many callers is one. Pure functions.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "group.hh"
#include "load/snapshot.hh"
#include "wrappers.hh"

namespace leakdir::tool {

// The run is cut into kPeriods equal parts. Whoever has blocks of so many of them, and so many blocks, is one; not in a
// run that was shorter than kShortestRunNs.
inline constexpr unsigned kPeriods = 8, kFewestPeriods = 7;
inline constexpr std::uint64_t kFewestBlocks = 16;
inline constexpr std::int64_t kShortestRunNs = 1'000'000'000;

struct Grower {
  std::string name;  // own_frame_in_words()
  std::uint64_t blocks = 0, bytes = 0;
  Estimate all;
};

struct Growers {
  std::vector<Grower> growers;    // the largest first
  std::vector<bool> has_group{};  // of Grouped::groups, one by one
};

// `lines` must know the frames of all stacks.
Growers growers_of(const Snapshot& snapshot, const Grouped& grouped, const FrameLines& lines, const Wrappers& wrappers);

// "make_buffer /home/you/app.c:69", "app+0x9f7", or the place of the macro hook.
std::string own_frame_in_words(const Snapshot& snapshot, const FrameLines& lines, std::uint32_t stack,
                               const Wrappers& wrappers);

}  // namespace leakdir::tool
