// SPDX-License-Identifier: BSL-1.0
#include "emit_diff.hh"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.hh"
#include "base/words.hh"
#include "difference_json.hh"
#include "difference_text.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

std::vector<const Difference*> listed(const Comparison& comparison) {
  std::vector<const Difference*> result;
  for (const auto& difference : comparison.stacks)
    if (is_worse(difference.fate) || (comparison.lists_all && difference.fate != Fate::kSame))
      result.push_back(&difference);
  return result;
}

// ---- Text -------------------------------------------------------------------------------------------------------

std::string side_text(const char* side, const Tally& tally) {
  std::string text = fmt::format("{}: {}", side, printable(tally.origin));
  if (!tally.program.empty()) text += ": " + printable(tally.program);
  if (!tally.state.empty()) text += ", " + printable(tally.state);
  text += fmt::format(", {}{}, {} in {}", tally.sample_bytes != 0 ? "an estimated " : "",
                      count_of(tally.blocks(), "live block"), bytes_of(tally.bytes()), count_of_stacks(tally));
  if (tally.sample_bytes != 0)
    text += fmt::format(" (in the sample {}, {})", count_of(tally.recorded.blocks, "block"),
                        bytes_of(tally.recorded.bytes));
  if (!tally.bad_frees.empty()) text += ", " + count_of(tally.bad_free_count(), "bad free");
  return text + "\n";
}

std::string totals_text(const Comparison& comparison) {
  const auto bytes = static_cast<std::int64_t>(comparison.after.bytes() - comparison.before.bytes());
  const auto blocks = static_cast<std::int64_t>(comparison.after.blocks() - comparison.before.blocks());
  std::string text =
      fmt::format("{}, {}{}; stacks by function:", signed_count(bytes, "byte"), signed_count(blocks, "block"),
                  comparison.before.sample_bytes + comparison.after.sample_bytes != 0 ? ", estimated" : "");
  const char* separator = "";
  for (Fate fate : {Fate::kNew, Fate::kGrown, Fate::kLost, Fate::kShrunk, Fate::kGone, Fate::kUnread, Fate::kSame}) {
    // What is lost may not be known, and ledgers are rarely damaged.
    const bool is_said = fate != Fate::kLost && fate != Fate::kUnread;
    if (!is_said && total_of(comparison.stacks, fate).stacks == 0) continue;
    text += fmt::format("{} {} {}", separator, total_of(comparison.stacks, fate).stacks, name_of(fate));
    separator = ",";
  }
  return text + "\n";
}

// What comes first, as nothing below it is sure.
std::string damage_text(const char* side, const Tally& tally) {
  if (!tally.is_damaged) return {};
  return fmt::format("{}: {} could not be read whole, as its ledger is damaged\n", side, printable(tally.origin));
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
  Json json = {{"origin", tally.origin},
               {"program", tally.program},
               {"state", tally.state},
               {"blocks", tally.blocks()},
               {"bytes", tally.bytes()},
               {"stacks", tally.stacks.size()},
               {"stacks_of_report", tally.stacks_of_report()},
               {"bad_frees", tally.bad_free_count()},
               {"warnings", tally.warnings}};
  if (tally.is_damaged) json["damaged"] = true;
  if (tally.sample_bytes != 0) {
    json["sample"] = {{"bytes", tally.sample_bytes}};  // then all other figures are estimates
    json["recorded"] = {{"blocks", tally.recorded.blocks}, {"bytes", tally.recorded.bytes}};
  }
  return json;
}

}  // namespace

bool Comparison::has_grown() const {
  auto is_more = [](const Difference& difference) { return is_worse(difference.fate); };
  return std::any_of(stacks.begin(), stacks.end(), is_more) || std::any_of(bad_frees.begin(), bad_frees.end(), is_more);
}

void emit_diff_text(const Comparison& comparison, const Sink& sink) {
  sink(damage_text("old", comparison.before) + damage_text("new", comparison.after));
  sink(side_text("old", comparison.before) + side_text("new", comparison.after) + totals_text(comparison));
  const auto all = listed(comparison);
  const std::size_t shown = comparison.top == 0 ? all.size() : std::min(comparison.top, all.size());
  for (std::size_t i = 0; i < shown; ++i) sink(difference_text(*all[i]));
  if (shown != all.size())
    sink(fmt::format("\n{} not shown\n", count_of(all.size() - shown, "more stack") + " by function"));
  for (const auto& difference : comparison.bad_frees)
    if (is_worse(difference.fate)) sink(bad_free_difference_text(difference));
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
    sink((i == 0 ? "\n" : ",\n") + dump_json(bad_free_difference_json(comparison.bad_frees[i])));
  sink("]}\n");
}

}  // namespace leakdir::tool
