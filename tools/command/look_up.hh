// SPDX-License-Identifier: BSL-1.0
//
// The names of all frames of these stacks, with a bar on the terminal where that takes long.

#pragma once

#include <cstdint>
#include <vector>

#include "symbols/symbols.hh"

namespace leakdir::tool {

FrameLines look_up(const Snapshot& snapshot, const std::vector<std::uint32_t>& stacks, Symbols& symbols);

}  // namespace leakdir::tool
