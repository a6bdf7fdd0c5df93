// SPDX-License-Identifier: BSL-1.0
#include "look_up.hh"

#include "progress.hh"

namespace leakdir::tool {

FrameLines look_up(const Snapshot& snapshot, const std::vector<std::uint32_t>& stacks, Symbols& symbols) {
  Progress progress("looking up names");
  return symbolise(snapshot, stacks, symbols, [&](std::size_t done) { progress.show(done, stacks.size()); });
}

}  // namespace leakdir::tool
