// SPDX-License-Identifier: BSL-1.0
//
// Who has allocated all through the run what is still live? A table is filled and then full, and what a request needs
// goes when it has been answered; a leak goes on. So among hundreds of stacks that is the one to look at first, however
// small it is. It need be no leak: of a cache whose entries are replaced at random some old ones are left, too. But
// then most are young, where a leak has as many of each part of the run as were allocated; so how they lie in the run
// is told, and those that lean to one end of it come last. (Of a cache that lived for two lifetimes of an entry three
// of four are of the second half.) Pure functions.
//
// Told by the own frame: a function that leaks for many callers is one. Where no frame is the program's own, by the
// whole stack (or the place of the macro hook), and where there is none, by the call and the size.

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

// Where in the run the blocks of one were allocated, the best to look at last.
enum class Spread : std::uint8_t {
  kNotThrough,   // not all through the run: it is none
  kMostlyFirst,  // more than two of three in its first half, and of few more than chance brings there
  kMostlyLast,   // ... in its second half
  kEven,
};

// In words, one for all outputs.
inline constexpr char kAllocatedThroughout[] = "allocated all through the run and still live";
const char* words_of(Spread spread);  // ", most from the run's second half"

struct Stayer {
  std::string name;  // own_frame_in_words()
  std::uint64_t blocks = 0, bytes = 0;
  Estimate all;
  Spread spread = Spread::kNotThrough;
  std::uint32_t stack = kNone;  // of the first of its groups
};

struct Stayers {
  std::vector<Stayer> stayers;    // those that are spread evenly first, the largest of them first
  std::vector<Spread> spreads{};  // of Grouped::groups, one by one; of a group of several, the highest
};

// `lines` must know the frames of all stacks.
Stayers stayers_of(const Snapshot& snapshot, const Grouped& grouped, const FrameLines& lines, const Wrappers& wrappers);

// "make_buffer /home/you/app.c:69", "app+0x9f7", or the place of the macro hook.
std::string own_frame_in_words(const Snapshot& snapshot, const FrameLines& lines, std::uint32_t stack,
                               const Wrappers& wrappers);

}  // namespace leakdir::tool
