// SPDX-License-Identifier: BSL-1.0
//
// Live blocks by function, caller, file or module in place of by stack: for who wants to know which part of a program
// keeps how much. Each stack is in one part, so that the parts add up to the whole. Pure functions.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "group.hh"
#include "load/snapshot.hh"
#include "wrappers.hh"

namespace leakdir::tool {

enum class By {
  kStack,
  kFunction,  // that of the own frame
  kCaller,    // the innermost frame, with its line: what the first line of a record file leads to
  kFile,      // the source file of the own frame
  kModule,    // the program or library that asked for the memory: its wrappers and libc's do not count
};
inline constexpr const char* kByWords[] = {"stack", "function", "caller", "file", "module"};  // by By

struct Part {
  std::string name;
  std::uint64_t blocks = 0, bytes = 0;
  Estimate all;
  std::int64_t oldest_ns = 0;
  std::vector<std::size_t> groups;  // indices into Grouped::groups
};

struct Parts {
  By by = By::kStack;
  std::vector<Part> parts;  // the first is the largest, by Grouped::sort
  std::size_t shown = 0;
  bool is_bottom_up = false;
};

// The groups are put into the order of their parts; those of one part keep theirs.
Parts parts_of(By by, const Snapshot& snapshot, const FrameLines& lines, const Wrappers& wrappers, Grouped& grouped);

// Who called the function that a part is about, as a tree: callers of callers up to main, the largest first.
struct CallerTree {
  std::string name;
  std::uint64_t blocks = 0, bytes = 0;  // of a sample, estimates
  std::vector<CallerTree> callers;
};
// The root is the part itself. The callers of each add up to it: what has no caller, though others have, is called
// kOutermost.
inline constexpr char kOutermost[] = "[outermost frame]";
CallerTree callers_of(const Part& part, By by, const Snapshot& snapshot, const FrameLines& lines,
                      const Wrappers& wrappers, const Grouped& grouped);

}  // namespace leakdir::tool
