// SPDX-License-Identifier: BSL-1.0
//
// Tallies as JSON: reports of emit_json.cc are read, baselines are read and written. A baseline is
//
//   {
//     "leakdir-baseline": 1,                    the version; another one is refused
//     "program": "app",                         for the reader
//     "stacks": [
//       {"call": "malloc", "blocks": 2, "bytes": 40, "kinds": {"definite": {"blocks": 2, "bytes": 40}},
//        "frames": ["make_buffer (app)", "main (app)"]}
//     ],
//     "bad_frees": [
//       {"call": "double free", "count": 1, "frames": [...]}
//     ]
//   }
//
// "kinds" is there where it was known which of the blocks were lost. There is one line for each key and
// frame, and stacks are sorted by their frames, so that a change is a small diff. Neither an address nor a line number
// nor a directory is in it. Names that are not UTF-8 are written as base/utf8.hh says.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hh"
#include "base/utf8.hh"
#include "tally.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kBaselineVersion = 1;
constexpr int kReportVersion = 1;
constexpr char kBaselineKey[] = "leakdir-baseline";

// What a damaged file claims must not overflow when it is added up.
constexpr std::uint64_t kMostOfAnything = std::uint64_t{1} << 48;

// (A reference, as only that throws at numbers of another kind.)
std::uint64_t number(const Json& json) {
  return std::min<std::uint64_t>(json.get_ref<const Json::number_unsigned_t&>(), kMostOfAnything);
}

std::string text(const Json& json) { return bytes_of_utf8(json.get<std::string>()); }

Json kinds_json(const TallyStack& stack) {
  Json json = Json::object();
  for (const ledger::Reach reach : kKindOrder) {
    const Amount& amount = stack.kinds[static_cast<std::size_t>(reach)];
    if (amount.blocks != 0)
      json[ledger::kReachWords[static_cast<std::size_t>(reach)]] = {{"blocks", amount.blocks}, {"bytes", amount.bytes}};
  }
  return json;
}

// A kind that a later leakdir knows is none that is known here.
void read_kinds(const Json& entry, TallyStack& stack) {
  const auto at = entry.find("kinds");
  if (at == entry.end()) return;
  for (std::size_t kind = 1; kind < ledger::kReaches; ++kind)
    if (const auto amount = at->find(ledger::kReachWords[kind]); amount != at->end())
      stack.kinds[kind] = {number(amount->at("blocks")), number(amount->at("bytes"))};
}

Json stack_json(const TallyStack& stack, bool is_bad_free) {
  Json json = {{"call", stack.call}};
  if (is_bad_free) {
    json["count"] = stack.blocks;
  } else {
    json["blocks"] = stack.blocks;
    json["bytes"] = stack.bytes;
  }
  if (stack.knows_kinds()) json["kinds"] = kinds_json(stack);
  json["frames"] = stack.identity;
  return json;
}

TallyStack known_stack(const Json& entry, const char* count) {
  TallyStack stack;
  stack.call = text(entry.at("call"));
  for (const auto& frame : entry.at("frames")) stack.identity.push_back(text(frame));
  stack.blocks = number(entry.at(count));
  return stack;
}

void read_baseline(const Json& json, Tally& tally) {
  tally.program = bytes_of_utf8(json.value("program", ""));
  for (const auto& entry : json.at("stacks")) {
    tally.stacks.push_back(known_stack(entry, "blocks"));
    tally.stacks.back().bytes = number(entry.at("bytes"));
    read_kinds(entry, tally.stacks.back());
  }
  for (const auto& entry : json.at("bad_frees")) tally.bad_frees.push_back(known_stack(entry, "count"));
}

std::vector<TallyFrame> frames_of(const Json& array) {
  std::vector<TallyFrame> frames;
  for (const auto& frame : array)
    frames.push_back({{text(frame.at("function")), text(frame.at("file")),
                       static_cast<unsigned>(number(frame.at("line"))), frame.at("inlined").get<bool>()},
                      text(frame.at("module")),
                      text(frame.at("offset"))});
  return frames;
}

// The file of "FILE:LINE".
std::string place_of(const Json& stack) {
  const std::string location = bytes_of_utf8(stack.value("location", ""));
  return location.substr(0, location.rfind(':'));
}

std::size_t own_frame_in(const Json& stack) {
  const auto at = stack.find("own_frame");
  return at == stack.end() ? kNoFrame : static_cast<std::size_t>(number(*at));
}

// By ledger::Reach.
std::size_t kind_in(const Json& stack) {
  const std::string word = stack.value("kind", "");
  const auto* const known = std::find(std::begin(ledger::kReachWords), std::end(ledger::kReachWords), word);
  return known == std::end(ledger::kReachWords) ? 0 : static_cast<std::size_t>(known - std::begin(ledger::kReachWords));
}

// "blocks" or "bytes" of a stack.
std::uint64_t figure(const Json& stack, const char* key, Figures figures) {
  const auto estimated = stack.find("estimated");
  const bool is_estimated = figures == Figures::kEstimated && estimated != stack.end();
  return number((is_estimated ? *estimated : stack).at(key));
}

void read_report(const Json& json, Figures figures, Tally& tally) {
  if (const auto sample = json.find("sample"); sample != json.end()) {
    tally.sample_bytes = std::clamp<std::uint64_t>(number(sample->at("bytes")), 1, kMostSampleBytes);
    tally.notices.push_back(about_sample(tally.sample_bytes));
  }
  tally.recorded = {number(json.at("totals").at("blocks")), number(json.at("totals").at("bytes")), 0};
  tally.program = text(json.at("program"));
  tally.state = text(json.at("state"));
  tally.is_damaged = json.value("damaged", false);
  for (const auto& entry : json.at("stacks")) {
    TallyStack stack{text(entry.at("call")),
                     {},
                     figure(entry, "blocks", figures),
                     figure(entry, "bytes", figures),
                     frames_of(entry.at("frames")),
                     place_of(entry),
                     1,
                     own_frame_in(entry)};
    stack.identity = identity_of(stack.frames, stack.place);
    if (const std::size_t kind = kind_in(entry); kind != 0) stack.kinds[kind] = {stack.blocks, stack.bytes, 1};
    tally.stacks.push_back(std::move(stack));
  }
  const auto& bad_frees = json.at("bad_frees");
  for (const auto& entry : bad_frees) {
    TallyStack stack{text(entry.at("kind")), {}, 1, 0, frames_of(entry.at("stacks").at("free")), {}};
    stack.identity = identity_of(stack.frames, "");
    tally.bad_frees.push_back(std::move(stack));
  }
  const std::uint64_t seen = number(json.at("seen").at("bad_frees"));
  if (seen > bad_frees.size()) tally.bad_frees.push_back({"unknown", {}, seen - bad_frees.size(), 0, {}, {}});
  const std::uint64_t all = number(json.at("totals").at("stacks"));
  if (all > tally.stacks.size())
    tally.warnings.push_back(
        fmt::format("{} lists {} of {} stacks: the others are taken for gone", tally.origin, tally.stacks.size(), all));
}

// The version under `key`; 0: none.
std::int64_t version_in(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}

}  // namespace

std::string baseline_text(const Tally& tally) {
  Json json = {{kBaselineKey, kBaselineVersion},
               {"program", tally.program.substr(tally.program.rfind('/') + 1)},
               {"stacks", Json::array()},
               {"bad_frees", Json::array()}};
  for (const auto& stack : tally.stacks) json["stacks"].push_back(stack_json(stack, false));
  for (const auto& stack : tally.bad_frees) json["bad_frees"].push_back(stack_json(stack, true));
  return dump_json(std::move(json), 2) + "\n";
}

Tally tally_of_json(const std::string& text_of_json, const std::string& name, Figures figures) {
  Tally tally;
  tally.origin = name;
  try {
    const Json json = Json::parse(text_of_json);
    if (!json.is_object()) throw Error(fmt::format("{} is neither a report nor a baseline of leakdir's", name));
    const std::int64_t baseline = version_in(json, kBaselineKey), report = version_in(json, "version");
    if (baseline != 0) {
      if (baseline != kBaselineVersion)
        throw Error(fmt::format("{} is a baseline of version {}; this leakdir reads version {}", name, baseline,
                                kBaselineVersion));
      read_baseline(json, tally);
    } else if (report != 0 && json.contains("stacks")) {
      if (report != kReportVersion)
        throw Error(
            fmt::format("{} is a report of version {}; this leakdir reads version {}", name, report, kReportVersion));
      read_report(json, figures, tally);
    } else {
      throw Error(fmt::format("{} is neither a report nor a baseline of leakdir's", name));
    }
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(fmt::format("{} is damaged: no JSON at byte {}", name, error.byte));
  } catch (const nlohmann::json::exception&) {
    throw Error(fmt::format("{} is damaged: a member is missing or of another type", name));
  }
  put_in_order(tally.stacks);
  put_in_order(tally.bad_frees);
  return tally;
}

}  // namespace leakdir::tool
