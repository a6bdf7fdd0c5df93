// SPDX-License-Identifier: BSL-1.0
#include "emit_diff.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/utf8.hh"
#include "base/words.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

bool is_growth(Fate fate) { return fate == Fate::kNew || fate == Fate::kGrown || fate == Fate::kLost; }

const char* name_of(Fate fate) {
  switch (fate) {
    case Fate::kNew:
      return "new";
    case Fate::kGrown:
      return "grown";
    case Fate::kLost:
      return "lost";
    case Fate::kShrunk:
      return "shrunk";
    case Fate::kGone:
      return "gone";
    default:
      return "same";
  }
}

std::vector<const Difference*> listed(const Comparison& comparison) {
  std::vector<const Difference*> result;
  for (const auto& difference : comparison.stacks)
    if (is_growth(difference.fate) || (comparison.lists_all && difference.fate != Fate::kSame))
      result.push_back(&difference);
  return result;
}

// ---- Text -------------------------------------------------------------------------------------------------------

std::string signed_count(std::int64_t count, const char* noun) {
  return fmt::format("{:+} {}{}", count, noun, std::abs(count) == 1 ? "" : "s");
}

std::string side_text(const char* side, const Tally& tally) {
  std::string text = fmt::format("{}: {}", side, printable(tally.origin));
  if (!tally.program.empty()) text += ": " + printable(tally.program);
  if (!tally.state.empty()) text += ", " + printable(tally.state);
  text += fmt::format(", {}, {} in {}", count_of(tally.blocks(), "live block"), bytes_of(tally.bytes()),
                      count_of_stacks(tally));
  if (!tally.bad_frees.empty()) text += ", " + count_of(tally.bad_free_count(), "bad free");
  return text + "\n";
}

std::string totals_text(const Comparison& comparison) {
  const auto bytes = static_cast<std::int64_t>(comparison.after.bytes() - comparison.before.bytes());
  const auto blocks = static_cast<std::int64_t>(comparison.after.blocks() - comparison.before.blocks());
  std::string text =
      fmt::format("{}, {}; stacks by function:", signed_count(bytes, "byte"), signed_count(blocks, "block"));
  const char* separator = "";
  for (Fate fate : {Fate::kNew, Fate::kGrown, Fate::kLost, Fate::kShrunk, Fate::kGone, Fate::kSame}) {
    if (fate == Fate::kLost && total_of(comparison.stacks, fate).stacks == 0) continue;  // it may not be known
    text += fmt::format("{} {} {}", separator, total_of(comparison.stacks, fate).stacks, name_of(fate));
    separator = ",";
  }
  return text + "\n";
}

std::string frames_text(const TallyStack& stack) {
  std::string text;
  if (!stack.place.empty()) text += fmt::format("    at {}\n", printable(stack.place));
  unsigned number = 0;
  for (const auto& frame : stack.frames) {
    const SourceLine& line = frame.line;
    const std::string position = printable(!line.file.empty()     ? fmt::format("{}:{}", line.file, line.line)
                                           : frame.module.empty() ? frame.offset
                                                                  : fmt::format("{}+{}", frame.module, frame.offset));
    text +=
        fmt::format("    #{} {}{}{}\n", number++, line.function.empty() ? "" : readable_function(line.function) + " ",
                    position, line.inlined ? " (inlined)" : "");
  }
  if (stack.frames.empty())
    for (const auto& name : stack.identity) text += fmt::format("    #{} {}\n", number++, printable(name));
  return text.empty() ? "    (no stack)\n" : text;
}

// ", 2 definitely lost (before: 2 still reachable)"
std::string kinds_text(const Difference& difference) {
  const std::string now = kinds_of(difference.stack());
  if (now.empty()) return {};
  const std::string before =
      difference.before == nullptr || difference.after == nullptr ? "" : kinds_of(*difference.before);
  return ", " + now + (before.empty() || before == now ? "" : fmt::format(" (before: {})", before));
}

std::string difference_text(const Difference& difference) {
  std::string text = fmt::format("\n{}: {}, {}", name_of(difference.fate), signed_count(difference.bytes, "byte"),
                                 signed_count(difference.blocks, "block"));
  if (difference.before != nullptr && difference.after != nullptr)
    text += fmt::format(" ({} in {} -> {} in {})", difference.before->bytes, difference.before->blocks,
                        difference.after->bytes, difference.after->blocks);
  const TallyStack& stack = difference.stack();
  text += ", " + printable(stack.call) + kinds_text(difference);
  if (stack.own != 0 && stack.own < stack.frames.size())
    text += fmt::format(", in {} (#{})", own_function_of(stack), stack.own);
  return fmt::format("{}\n{}", text, frames_text(stack));
}

std::string remarks_text(const Tally& tally) {
  std::string text;
  for (const auto& notice : tally.notices) text += fmt::format("note: {}\n", printable(notice));
  for (const auto& warning : tally.warnings)
    text += fmt::format("warning: {}: {}\n", printable(tally.origin), printable(warning));
  return text;
}

// ---- JSON -------------------------------------------------------------------------------------------------------

Json side_json(const Tally& tally) {
  return {{"origin", tally.origin},
          {"program", tally.program},
          {"state", tally.state},
          {"blocks", tally.blocks()},
          {"bytes", tally.bytes()},
          {"stacks", tally.stacks.size()},
          {"stacks_of_report", tally.stacks_of_report()},
          {"bad_frees", tally.bad_free_count()},
          {"warnings", tally.warnings}};
}

Json frames_json(const TallyStack& stack) {
  Json frames = Json::array();
  for (const auto& frame : stack.frames)
    frames.push_back({{"module", frame.module},
                      {"offset", frame.offset},
                      {"function", frame.line.function},
                      {"file", frame.line.file},
                      {"line", frame.line.line},
                      {"inlined", frame.line.inlined}});
  return frames;
}

Json pair_json(const Difference& difference, std::uint64_t TallyStack::*member) {
  return {{"old", difference.before == nullptr ? 0 : difference.before->*member},
          {"new", difference.after == nullptr ? 0 : difference.after->*member}};
}

// Blocks of each kind; null on the side where the kinds are not known.
void add_kinds(Json& json, const Difference& difference) {
  auto knows = [](const TallyStack* stack) { return stack != nullptr && stack->knows_kinds(); };
  if (!knows(difference.before) && !knows(difference.after)) return;
  auto count = [&](const TallyStack* stack, std::size_t kind) -> Json {
    if (stack == nullptr) return 0;
    return knows(stack) ? Json(stack->kinds[kind].blocks) : Json(nullptr);
  };
  for (const ledger::Reach reach : kKindOrder) {
    const auto kind = static_cast<std::size_t>(reach);
    if (reach != ledger::Reach::kUnknown)
      json["kinds"][ledger::kReachWords[kind]] = {{"old", count(difference.before, kind)},
                                                  {"new", count(difference.after, kind)}};
  }
}

Json difference_json(const Difference& difference) {
  const TallyStack& stack = difference.stack();
  Json json = {{"change", name_of(difference.fate)},
               {"call", stack.call},
               {"blocks", pair_json(difference, &TallyStack::blocks)},
               {"bytes", pair_json(difference, &TallyStack::bytes)},
               {"identity", stack.identity},
               {"frames", frames_json(stack)}};
  if (stack.own < stack.frames.size()) json["own_frame"] = stack.own;  // an index into "frames"
  add_kinds(json, difference);
  return json;
}

Json bad_free_json(const Difference& difference) {
  const TallyStack& stack = difference.stack();
  return {{"change", name_of(difference.fate)},
          {"kind", stack.call},
          {"count", pair_json(difference, &TallyStack::blocks)},
          {"identity", stack.identity},
          {"frames", frames_json(stack)}};
}

}  // namespace

bool Comparison::has_grown() const {
  auto is_more = [](const Difference& difference) { return is_growth(difference.fate); };
  return std::any_of(stacks.begin(), stacks.end(), is_more) || std::any_of(bad_frees.begin(), bad_frees.end(), is_more);
}

void emit_diff_text(const Comparison& comparison, const Sink& sink) {
  sink(side_text("old", comparison.before) + side_text("new", comparison.after) + totals_text(comparison));
  const auto all = listed(comparison);
  const std::size_t shown = comparison.top == 0 ? all.size() : std::min(comparison.top, all.size());
  for (std::size_t i = 0; i < shown; ++i) sink(difference_text(*all[i]));
  if (shown != all.size())
    sink(fmt::format("\n{} not shown\n", count_of(all.size() - shown, "more stack") + " by function"));
  for (const auto& difference : comparison.bad_frees)
    if (is_growth(difference.fate))
      sink(fmt::format("\n{}: {}: {}\n{}", name_of(difference.fate), signed_count(difference.blocks, "bad free"),
                       printable(difference.stack().call), frames_text(difference.stack())));
  const std::string remarks = remarks_text(comparison.before) + remarks_text(comparison.after);
  if (!remarks.empty()) sink("\n" + remarks);
}

void emit_diff_json(const Comparison& comparison, const Sink& sink) {
  std::string head =
      dump_json({{"version", 1}, {"old", side_json(comparison.before)}, {"new", side_json(comparison.after)}});
  head.pop_back();
  sink(head + ",\n\"stacks\":[");
  const auto& stacks = comparison.stacks;
  const std::size_t shown = comparison.top == 0 ? stacks.size() : std::min(comparison.top, stacks.size());
  for (std::size_t i = 0; i < shown; ++i) sink((i == 0 ? "\n" : ",\n") + dump_json(difference_json(stacks[i])));
  sink("],\n\"bad_frees\":[");
  for (std::size_t i = 0; i < comparison.bad_frees.size(); ++i)
    sink((i == 0 ? "\n" : ",\n") + dump_json(bad_free_json(comparison.bad_frees[i])));
  sink("]}\n");
}

}  // namespace leakdir::tool
