// SPDX-License-Identifier: BSL-1.0
//
// The report for flamegraph.pl, speedscope and all that reads their "folded" stacks: one line for each stack, its
// functions from the outside in with ';' between them, a space, the bytes, which of a sample are an estimate. Where it
// is known which blocks are lost, the outermost frame of each is its kind, "[definitely lost]": so a graph has a tower
// for each.

#include <fmt/format.h>

#include <algorithm>

#include "emit.hh"
#include "frame_names.hh"

namespace leakdir::tool {

namespace {

// A ';' in a name would be taken for the next frame. Spaces are no trouble: the number is what follows the last one.
std::string as_frame(std::string name) {
  std::replace(name.begin(), name.end(), ';', ':');
  return name;
}

std::string folded(const Snapshot& snapshot, std::uint32_t stack, const std::string& kind, FrameNames& names) {
  std::string line = kind;
  if (stack == kNone) return line + (line.empty() ? "" : ";") + kNoStack;
  const auto frames = frames_of(snapshot, stack);
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
    const auto& inlined = names.of(*frame);
    for (auto name = inlined.rbegin(); name != inlined.rend(); ++name)
      line += (line.empty() ? "" : ";") + as_frame(*name);
  }
  return line;
}

}  // namespace

void emit_folded(const Report& report, const Sink& sink) {
  FrameNames names(report);
  for (std::size_t i = 0; i < report.shown; ++i) {
    const Group& group = report.grouped.groups[i];
    const std::string kind = report.grouped.knows_kinds ? fmt::format("[{}]", kind_name(group.reach)) : "";
    sink(fmt::format("{} {}\n", folded(report.snapshot, group.stack, kind, names), group.all.whole_bytes()));
  }
  const Sum rest = not_shown(report);
  if (rest.stacks != 0) sink(fmt::format("{} {}\n", kNotShown, rest.all.whole_bytes()));
}

}  // namespace leakdir::tool
