// SPDX-License-Identifier: BSL-1.0
//
// A stack as a list of what is known of its frames, innermost first, the inlined functions each for itself: in the
// order and with the numbers that the text report (#0, #1) and JSON's "frames" have. It only refers to the snapshot, or
// to whatever else it was made from.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "load/snapshot.hh"

namespace leakdir::tool {

struct StackLine {
  const SourceLine* line = nullptr;  // null: nothing is known
  std::string_view module;           // path; empty: not known
  bool is_program = false;           // the module is the program itself
  std::uint64_t id = 0;              // the same wherever the frame stands: for who keeps what it worked out
};

struct StackLines {
  std::string_view place;  // the file that the macro hook recorded; empty: none. It has no number.
  std::vector<StackLine> lines;
};

// An id's upper half is the index into Snapshot::frames.
StackLines lines_of(const Snapshot& snapshot, const FrameLines& lines, std::uint32_t stack);

}  // namespace leakdir::tool
