// SPDX-License-Identifier: BSL-1.0
//
// Makes names comparable, stacks from names, and tallies from stacks.

#include "tally.hh"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_set>

#include "base/words.hh"
#include "function_name.hh"

namespace leakdir::tool {

namespace {

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::uint64_t sum(const std::vector<TallyStack>& stacks, std::uint64_t TallyStack::*member) {
  return std::accumulate(stacks.begin(), stacks.end(), std::uint64_t{0},
                         [member](std::uint64_t so_far, const TallyStack& stack) { return so_far + stack.*member; });
}

// Makes the frames of each of a snapshot's stacks.
class FrameMaker {
 public:
  FrameMaker(const Snapshot& snapshot, const FrameLines& lines, const Wrappers& wrappers)
      : snapshot_(snapshot), lines_(lines), wrappers_(wrappers) {}

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
    to.own = wrappers_.own_frame(lines_of(snapshot_, lines_, stack));
  }

 private:
  const Snapshot& snapshot_;
  const FrameLines& lines_;
  const Wrappers& wrappers_;
};

// Takes blocks of these kinds out of the stack. Whether anything is left of it.
bool take_out(TallyStack& stack, KindSet kinds) {
  if (kinds == kAllKinds) return false;
  std::uint64_t known = 0;
  for (const Amount& amount : stack.kinds) known += amount.blocks;
  bool is_any_left = known == 0 || stack.blocks > known;  // whose kind is not known
  for (std::size_t kind = 0; kind < stack.kinds.size(); ++kind) {
    Amount& amount = stack.kinds[kind];
    if (!has(kinds, static_cast<ledger::Reach>(kind))) {
      is_any_left |= amount.blocks != 0;
      continue;
    }
    stack.blocks -= std::min(stack.blocks, amount.blocks);
    stack.bytes -= std::min(stack.bytes, amount.bytes);
    stack.stacks -= std::min(stack.stacks, amount.stacks);
    amount = {};
  }
  return is_any_left;
}

// `id` is that of the first frame.
StackLines lines_of(const TallyStack& stack, std::uint64_t id) {
  StackLines all;
  all.place = stack.place;
  for (const auto& frame : stack.frames) all.lines.push_back({&frame.line, frame.module, false, id++});
  return all;
}

}  // namespace

bool TallyStack::knows_kinds() const {
  return std::any_of(kinds.begin(), kinds.end(), [](const Amount& amount) { return amount.blocks != 0; });
}

Amount TallyStack::lost() const {
  Amount lost;
  for (const ledger::Reach reach : kKindOrder) {
    if (!ledger::is_lost(reach)) continue;
    lost.blocks += kinds[static_cast<std::size_t>(reach)].blocks;
    lost.bytes += kinds[static_cast<std::size_t>(reach)].bytes;
    lost.stacks += kinds[static_cast<std::size_t>(reach)].stacks;
  }
  return lost;
}

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
    identity.push_back(function.empty() ? "??" : std::string(name_in_any_build(function)));
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
      stacks[kept - 1].spread = std::max(stacks[kept - 1].spread, stacks[i].spread);
      for (std::size_t kind = 0; kind < ledger::kReaches; ++kind) {
        stacks[kept - 1].kinds[kind].blocks += stacks[i].kinds[kind].blocks;
        stacks[kept - 1].kinds[kind].bytes += stacks[i].kinds[kind].bytes;
        stacks[kept - 1].kinds[kind].stacks += stacks[i].kinds[kind].stacks;
      }
    } else {
      if (kept != i) stacks[kept] = std::move(stacks[i]);
      ++kept;
    }
  }
  stacks.resize(kept);
}

TallyStack tally_stack(const Snapshot& snapshot, const Group& group, const FrameLines& lines, const Wrappers& wrappers,
                       Figures figures) {
  TallyStack stack{ledger::kCallNames[group.call], {}, group.blocks.size(), group.bytes, {}, {}, 1};
  if (figures == Figures::kEstimated) {
    stack.blocks = group.all.whole_blocks();
    stack.bytes = group.all.whole_bytes();
  }
  FrameMaker(snapshot, lines, wrappers).fill(stack, group.stack);
  if (group.reach != ledger::Reach::kUnknown)
    stack.kinds[static_cast<std::size_t>(group.reach)] = {stack.blocks, stack.bytes, 1};
  return stack;
}

Tally tally_of(const Snapshot& snapshot, const Grouped& grouped, const FrameLines& lines, const Wrappers& wrappers,
               Figures figures) {
  Tally tally;
  tally.is_damaged = snapshot.is_damaged();
  tally.sample_bytes = snapshot.sample_bytes;
  tally.recorded = {grouped.blocks, grouped.bytes, grouped.groups.size()};
  tally.origin = snapshot.directory;
  tally.program = snapshot.program;
  tally.state = name_of(snapshot.state);
  tally.notices = snapshot.notices;
  tally.warnings = with_damage(snapshot, snapshot.warnings);
  const FrameMaker frames(snapshot, lines, wrappers);
  const Stayers stayers = stayers_of(snapshot, grouped, lines, wrappers);
  std::unordered_set<std::uint64_t> counted;
  for (std::size_t i = 0; i < grouped.groups.size(); ++i) {
    tally.stacks.push_back(tally_stack(snapshot, grouped.groups[i], lines, wrappers, figures));
    if (!counted.insert(grouped.groups[i].same_stack).second) tally.stacks.back().stacks = 0;
    tally.stacks.back().spread = stayers.spreads[i];
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

Tally lost_part_of(const Tally& run) {
  Tally tally = run;
  tally.stacks.clear();
  for (TallyStack stack : run.stacks) {
    const Amount lost = stack.lost();
    if (lost.blocks == 0) continue;
    stack.blocks = lost.blocks;
    stack.bytes = lost.bytes;
    stack.stacks = lost.stacks;
    stack.kinds[static_cast<std::size_t>(ledger::Reach::kReachable)] = {};
    tally.stacks.push_back(std::move(stack));
  }
  return tally;
}

Tally lost_part_of_baseline(const Tally& baseline) {
  Tally tally = baseline;
  for (auto& stack : tally.stacks) {
    if (!stack.knows_kinds()) continue;
    const Amount lost = stack.lost();
    stack.blocks = lost.blocks;
    stack.bytes = lost.bytes;
    stack.stacks = lost.stacks;
  }
  return tally;
}

std::string kinds_of(const TallyStack& stack) {
  std::string text;
  for (const ledger::Reach reach : kKindOrder) {
    const std::uint64_t blocks = stack.kinds[static_cast<std::size_t>(reach)].blocks;
    if (blocks != 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", blocks, kind_name(reach));
  }
  return text;
}

void suppress(Tally& tally, const std::vector<Suppression>& rules) {
  Matcher matcher(rules);
  std::uint64_t id = 0;
  std::vector<KindSet> taken;  // first of all: the matcher refers to them
  for (const auto& stack : tally.stacks) {
    KindSet kinds = 0;
    for (unsigned kind = 0; kind < ledger::kReaches; ++kind)
      if (matcher.rule_of(stack.call, lines_of(stack, id), 1u << kind) != kNone) kinds |= 1u << kind;
    taken.push_back(kinds);
    id += stack.frames.size();
  }
  std::vector<TallyStack> rest;
  for (std::size_t i = 0; i < taken.size(); ++i)
    if (take_out(tally.stacks[i], taken[i])) rest.push_back(std::move(tally.stacks[i]));
  tally.stacks = std::move(rest);
}

std::string count_of_stacks(const Tally& tally) {
  const std::uint64_t of_report = tally.stacks_of_report(), by_function = tally.stacks.size();
  if (of_report == 0 && by_function != 0) return count_of(by_function, "stack") + " by function";
  const std::string text = count_of(of_report, "stack");
  return of_report == by_function ? text : fmt::format("{}, {} by function", text, by_function);
}

std::string own_function_of(const TallyStack& stack) {
  if (stack.own >= stack.frames.size()) return stack.identity.empty() ? "no stack" : printable(stack.identity.front());
  const TallyFrame& own = stack.frames[stack.own];
  if (!own.line.function.empty()) return readable_function(own.line.function);
  return own.module.empty() ? printable(own.offset) : printable(fmt::format("{}+{}", own.module, own.offset));
}

std::string own_frame_of(const TallyStack& stack) {
  const std::string function = own_function_of(stack);
  if (stack.own >= stack.frames.size() || stack.frames[stack.own].line.file.empty()) return function;
  const SourceLine& line = stack.frames[stack.own].line;
  return fmt::format("{} {}:{}", function, printable(line.file), line.line);
}

}  // namespace leakdir::tool
