// SPDX-License-Identifier: BSL-1.0
#include "stayers.hh"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <string_view>
#include <tuple>

#include "base/words.hh"

namespace leakdir::tool {

namespace {

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Whose blocks are taken together.
struct Key {
  std::string name;
  std::uint32_t stack = kNone;  // of one without an own frame

  bool operator<(const Key& other) const { return std::tie(name, stack) < std::tie(other.name, other.stack); }
};

// What is known of them.
struct Candidate {
  Stayer stayer;
  std::array<std::uint64_t, kPeriods> of_period{};
  std::vector<std::size_t> groups;  // each once, as they are gone through in order

  Spread spread() const {
    const std::uint64_t known = sum(0, kPeriods);
    const auto has_blocks = [](std::uint64_t blocks) { return blocks != 0; };
    if (std::count_if(of_period.begin(), of_period.end(), has_blocks) < kFewestPeriods || known < kFewestBlocks)
      return Spread::kNotThrough;
    const std::uint64_t first = sum(0, kPeriods / 2), last = known - first;
    const std::uint64_t more = std::max(first, last), beyond_other = more - (known - more);
    // Where each block falls into either half by chance, one is ahead by twice the square root once in twenty times.
    if (3 * more <= 2 * known || beyond_other * beyond_other <= 4 * known) return Spread::kEven;
    return first > last ? Spread::kMostlyFirst : Spread::kMostlyLast;
  }

 private:
  std::uint64_t sum(unsigned first, unsigned end) const {
    return std::accumulate(of_period.begin() + first, of_period.begin() + end, std::uint64_t{0});
  }
};

// `all`: the lines of the stack.
std::string in_words(const Snapshot& snapshot, const StackLines& all, std::uint32_t stack, const Wrappers& wrappers) {
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

Key key_of(const Snapshot& snapshot, const FrameLines& lines, const Group& group, const Block& block,
           const Wrappers& wrappers) {
  const StackLines all = lines_of(snapshot, lines, group.stack);
  Key key = {in_words(snapshot, all, group.stack, wrappers)};
  if (group.stack == kNone)
    key.name += fmt::format(", {} of {}", ledger::kCallNames[group.call], count_of(block.size, "byte"));
  else if (!wrappers.has_own_frame(all))
    key.stack = group.stack;
  return key;
}

}  // namespace

const char* words_of(Spread spread) {
  switch (spread) {
    case Spread::kMostlyFirst:
      return ", most from the run's first half";
    case Spread::kMostlyLast:
      return ", most from the run's second half";
    default:
      return "";
  }
}

std::string own_frame_in_words(const Snapshot& snapshot, const FrameLines& lines, std::uint32_t stack,
                               const Wrappers& wrappers) {
  return in_words(snapshot, lines_of(snapshot, lines, stack), stack, wrappers);
}

Stayers stayers_of(const Snapshot& snapshot, const Grouped& grouped, const FrameLines& lines,
                   const Wrappers& wrappers) {
  Stayers found;
  found.spreads.assign(grouped.groups.size(), Spread::kNotThrough);
  const std::int64_t run_ns = snapshot.end_ns - snapshot.start_ns;
  if (snapshot.from_records || run_ns < kShortestRunNs) return found;
  const std::int64_t period_ns = run_ns / kPeriods + 1;
  std::map<Key, Candidate> candidates;
  for (std::size_t i = 0; i < grouped.groups.size(); ++i) {
    const Group& group = grouped.groups[i];
    Candidate* candidate = nullptr;
    for (std::uint32_t index : group.blocks) {
      const Block& block = snapshot.blocks[index];
      if (candidate == nullptr || group.stack == kNone)
        candidate = &candidates[key_of(snapshot, lines, group, block, wrappers)];
      if (candidate->groups.empty() || candidate->groups.back() != i) candidate->groups.push_back(i);
      ++candidate->stayer.blocks;
      candidate->stayer.bytes += block.size;
      candidate->stayer.all.add(block);
      const std::int64_t at_ns = block.time_ns - snapshot.start_ns;
      if (at_ns < 0 || at_ns > run_ns) continue;  // the clock was set meanwhile, or the parent's block
      ++candidate->of_period[std::min(static_cast<unsigned>(at_ns / period_ns), kPeriods - 1)];
    }
  }
  for (auto& [key, candidate] : candidates) {
    candidate.stayer.spread = candidate.spread();
    if (candidate.stayer.spread == Spread::kNotThrough) continue;
    for (const std::size_t group : candidate.groups)
      found.spreads[group] = std::max(found.spreads[group], candidate.stayer.spread);
    candidate.stayer.name = key.name;
    candidate.stayer.stack = grouped.groups[candidate.groups.front()].stack;
    found.stayers.push_back(candidate.stayer);
  }
  std::stable_sort(found.stayers.begin(), found.stayers.end(), [](const Stayer& a, const Stayer& b) {
    return a.spread != b.spread ? a.spread > b.spread : a.all.bytes > b.all.bytes;
  });
  return found;
}

}  // namespace leakdir::tool
