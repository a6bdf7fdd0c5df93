// SPDX-License-Identifier: BSL-1.0
#include "growers.hh"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/words.hh"

namespace leakdir::tool {

namespace {

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// What is known of one own frame.
struct Candidate {
  Grower grower;
  unsigned periods = 0;  // a bit for each
  std::vector<std::size_t> groups;
};

bool is_grower(const Candidate& candidate) {
  unsigned periods = 0;
  for (unsigned period = 0; period < kPeriods; ++period) periods += candidate.periods >> period & 1u;
  return periods >= kFewestPeriods && candidate.grower.blocks >= kFewestBlocks;
}

}  // namespace

std::string own_frame_in_words(const Snapshot& snapshot, const FrameLines& lines, std::uint32_t stack,
                               const Wrappers& wrappers) {
  const StackLines all = lines_of(snapshot, lines, stack);
  const std::size_t own = wrappers.own_frame(all);
  if (own == kNoFrame) {
    if (stack == kNone || all.place.empty()) return "[no stack]";
    return fmt::format("{}:{}", printable(all.place), snapshot.frames[snapshot.nodes[stack].frame].pc);
  }
  const StackLine& at = all.lines[own];
  if (at.line == nullptr || at.line->function.empty()) {
    const std::string offset = hex_of(offset_of(snapshot, snapshot.frames[static_cast<std::uint32_t>(at.id >> 32)]));
    return at.module.empty() ? offset : fmt::format("{}+{}", printable(last_part(at.module)), offset);
  }
  const std::string function = readable_function(at.line->function);
  if (at.line->file.empty()) return function;
  return fmt::format("{} {}:{}", function, printable(at.line->file), at.line->line);
}

Growers growers_of(const Snapshot& snapshot, const Grouped& grouped, const FrameLines& lines,
                   const Wrappers& wrappers) {
  Growers found;
  found.has_group.assign(grouped.groups.size(), false);
  const std::int64_t run_ns = snapshot.end_ns - snapshot.start_ns;
  if (snapshot.from_records || run_ns < kShortestRunNs) return found;
  std::map<std::string, Candidate> candidates;
  for (std::size_t i = 0; i < grouped.groups.size(); ++i) {
    const Group& group = grouped.groups[i];
    Candidate& candidate = candidates[own_frame_in_words(snapshot, lines, group.stack, wrappers)];
    candidate.groups.push_back(i);
    candidate.grower.blocks += group.blocks.size();
    candidate.grower.bytes += group.bytes;
    candidate.grower.all += group.all;
    for (std::uint32_t index : group.blocks) {
      const std::int64_t at_ns = snapshot.blocks[index].time_ns - snapshot.start_ns;
      if (at_ns < 0 || at_ns > run_ns) continue;  // the clock was set meanwhile, or the parent's block
      candidate.periods |= 1u << std::min(static_cast<unsigned>(at_ns / (run_ns / kPeriods + 1)), kPeriods - 1);
    }
  }
  for (auto& [name, candidate] : candidates) {
    if (!is_grower(candidate)) continue;
    for (const std::size_t group : candidate.groups) found.has_group[group] = true;
    candidate.grower.name = name;
    found.growers.push_back(candidate.grower);
  }
  std::stable_sort(found.growers.begin(), found.growers.end(),
                   [](const Grower& a, const Grower& b) { return a.all.bytes > b.all.bytes; });
  return found;
}

}  // namespace leakdir::tool
