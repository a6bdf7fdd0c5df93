// SPDX-License-Identifier: BSL-1.0
//
// Suppressions for what is listed: blocks of frames, each of which takes the stacks that it was made from and, in other
// runs, those that are the same by function; never all that comes through the same wrapper. Pure.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "group.hh"
#include "load/snapshot.hh"
#include "wrappers.hh"

namespace leakdir::tool {

struct MadeSuppressions {
  std::string text;                   // ready to paste, each with a comment that says what it takes
  std::vector<std::string> warnings;  // of rules that would take more than they were made from
};

// For the first `shown` groups. `lines` must know every frame of every group.
MadeSuppressions suppressions_for(const Snapshot& snapshot, const FrameLines& lines, const Grouped& grouped,
                                  std::size_t shown, const Wrappers& wrappers = Wrappers());

}  // namespace leakdir::tool
