// SPDX-License-Identifier: BSL-1.0
#include "stack_lines.hh"

namespace leakdir::tool {

StackLines lines_of(const Snapshot& snapshot, const FrameLines& lines, std::uint32_t stack) {
  StackLines all;
  for (; stack != kNone; stack = snapshot.nodes[stack].parent) {
    const std::uint32_t index = snapshot.nodes[stack].frame;
    const Frame& frame = snapshot.frames[index];
    if (frame.is_place) {
      all.place = snapshot.places[frame.module];
      continue;
    }
    StackLine made;
    if (frame.module != kNone) {
      made.module = snapshot.modules[frame.module].path;
      made.is_program = snapshot.modules[frame.module].is_program;
    }
    made.id = std::uint64_t{index} << 32;
    if (lines[index].empty()) all.lines.push_back(made);
    for (const auto& line : lines[index]) {
      made.line = &line;
      all.lines.push_back(made);
      ++made.id;
    }
  }
  return all;
}

}  // namespace leakdir::tool
