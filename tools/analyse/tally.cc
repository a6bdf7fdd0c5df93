// SPDX-License-Identifier: BSL-1.0
//
// Makes names comparable, stacks from names, and tallies from stacks.

#include "tally.hh"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "base/words.hh"
#include "runtime_code.hh"

namespace leakdir::tool {

namespace {

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// "build.part.0", "build.constprop.1.isra.0", "build(int) [clone .cold]": all are build. And libc's functions have
// several names for one address, of which debug information and symbol tables choose differently: "__GI___strndup",
// "__strndup" and "strndup" are one.
std::string_view plain(std::string_view function) {
  for (std::string_view start : {"__GI_", "__"})
    if (function.size() > start.size() && function.substr(0, start.size()) == start)
      function.remove_prefix(start.size());
  for (std::string_view mark : {" [clone ", ".part.", ".constprop.", ".isra.", ".cold", ".lto_priv.", ".llvm."}) {
    const std::size_t at = function.find(mark);
    if (at != std::string_view::npos && at != 0) function = function.substr(0, at);
  }
  return function;
}

std::uint64_t sum(const std::vector<TallyStack>& stacks, std::uint64_t TallyStack::*member) {
  return std::accumulate(stacks.begin(), stacks.end(), std::uint64_t{0},
                         [member](std::uint64_t so_far, const TallyStack& stack) { return so_far + stack.*member; });
}

// Makes the frames of each of a snapshot's stacks.
class FrameMaker {
 public:
  FrameMaker(const Snapshot& snapshot, const FrameLines& lines) : snapshot_(snapshot), lines_(lines) {}

  void fill(TallyStack& to, std::uint32_t stack) const {
    for (std::uint32_t index : frames_of(snapshot_, stack)) {
      const Frame& frame = snapshot_.frames[index];
      if (frame.is_place) {
        to.place = snapshot_.places[frame.module];
        continue;
      }
      TallyFrame made{
          {}, frame.module == kNone ? "" : snapshot_.modules[frame.module].path, hex_of(offset_of(snapshot_, frame))};
      if (lines_[index].empty()) to.frames.push_back(made);
      for (const auto& line : lines_[index]) {
        made.line = line;
        to.frames.push_back(made);
      }
    }
    to.identity = identity_of(to.frames, to.place);
  }

 private:
  const Snapshot& snapshot_;
  const FrameLines& lines_;
};

bool is_matched(const TallyStack& stack, const std::vector<Suppression>& rules) {
  for (const auto& rule : rules)
    if (matches_pattern(rule.pattern, stack.place)) return true;
  for (const auto& frame : stack.frames)
    for (const auto& rule : rules)
      for (const std::string& name :
           {frame.line.function, readable_function(frame.line.function), frame.line.file, frame.module})
        if (matches_pattern(rule.pattern, name)) return true;
  return false;
}

}  // namespace

std::uint64_t Tally::blocks() const { return sum(stacks, &TallyStack::blocks); }
std::uint64_t Tally::bytes() const { return sum(stacks, &TallyStack::bytes); }
std::uint64_t Tally::stacks_of_report() const { return sum(stacks, &TallyStack::stacks); }
std::uint64_t Tally::bad_free_count() const { return sum(bad_frees, &TallyStack::blocks); }

std::vector<std::string> identity_of(const std::vector<TallyFrame>& frames, std::string_view place) {
  std::vector<std::string> identity;
  std::size_t end = 0;
  if (!place.empty()) identity.push_back(fmt::format("at {}", last_part(place)));
  for (const auto& frame : frames) {
    const std::string& function = frame.line.function;
    identity.push_back(function.empty() ? "??" : std::string(plain(function)));
    if (!frame.module.empty()) identity.back() += fmt::format(" ({})", last_part(frame.module));
    if (function == "main") end = identity.size();
  }
  if (end != 0) identity.resize(end);
  return identity;
}

void put_in_order(std::vector<TallyStack>& stacks) {
  auto key = [](const TallyStack& stack) { return std::tie(stack.identity, stack.call); };
  std::stable_sort(stacks.begin(), stacks.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    if (kept != 0 && key(stacks[kept - 1]) == key(stacks[i])) {
      stacks[kept - 1].blocks += stacks[i].blocks;
      stacks[kept - 1].bytes += stacks[i].bytes;
      stacks[kept - 1].stacks += stacks[i].stacks;
    } else {
      if (kept != i) stacks[kept] = std::move(stacks[i]);
      ++kept;
    }
  }
  stacks.resize(kept);
}

Tally tally_of(const Snapshot& snapshot, const Grouped& grouped, const FrameLines& lines) {
  Tally tally;
  tally.origin = snapshot.directory;
  tally.program = snapshot.program;
  tally.state = name_of(snapshot.state);
  tally.notices = snapshot.notices;
  tally.warnings = snapshot.warnings;
  const FrameMaker frames(snapshot, lines);
  for (const auto& group : grouped.groups) {
    TallyStack stack{ledger::kCallNames[group.call], {}, group.blocks.size(), group.bytes, {}, {}, 1};
    frames.fill(stack, group.stack);
    tally.stacks.push_back(std::move(stack));
  }
  for (const auto& bad_free : snapshot.bad_frees) {
    TallyStack stack{ledger::kBadFreeNames[bad_free.kind], {}, 1, 0, {}, {}};
    frames.fill(stack, bad_free.free_stack);
    tally.bad_frees.push_back(std::move(stack));
  }
  if (snapshot.bad_frees_seen > snapshot.bad_frees.size())
    tally.bad_frees.push_back({"unknown", {}, snapshot.bad_frees_seen - snapshot.bad_frees.size(), 0, {}, {}});
  put_in_order(tally.stacks);
  put_in_order(tally.bad_frees);
  return tally;
}

void suppress(Tally& tally, const std::vector<Suppression>& rules) {
  auto& stacks = tally.stacks;
  stacks.erase(
      std::remove_if(stacks.begin(), stacks.end(), [&](const auto& stack) { return is_matched(stack, rules); }),
      stacks.end());
}

std::string count_of_stacks(const Tally& tally) {
  const std::uint64_t of_report = tally.stacks_of_report(), by_function = tally.stacks.size();
  if (of_report == 0 && by_function != 0) return count_of(by_function, "stack") + " by function";
  const std::string text = count_of(of_report, "stack");
  return of_report == by_function ? text : fmt::format("{}, {} by function", text, by_function);
}

std::string telling_frame(const TallyStack& stack) {
  const TallyFrame* best = nullptr;
  for (const auto& frame : stack.frames) {
    if (best == nullptr || best->line.function.empty()) best = &frame;
    if (frame.line.function.empty() || frame.line.file.empty() || is_runtime_line(frame.line)) continue;
    best = &frame;
    break;
  }
  if (best == nullptr) return stack.identity.empty() ? "no stack" : printable(stack.identity.front());
  const SourceLine& line = best->line;
  if (line.function.empty()) return printable(fmt::format("{}+{}", best->module, best->offset));
  const std::string function = readable_function(line.function);
  return line.file.empty() ? function : fmt::format("{} {}:{}", function, printable(line.file), line.line);
}

}  // namespace leakdir::tool
