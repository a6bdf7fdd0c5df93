// SPDX-License-Identifier: BSL-1.0
//
// The report for programs, version 1. Keys are never renamed or removed; new ones may come. A function or file that is
// not known is "", a line 0, so that the types hold.
//
// Names are bytes and JSON is UTF-8: base/utf8.hh says how one becomes the other and is read back.
//
// Each stack is made and handed over by itself: one tree with a million addresses would not fit into a small machine.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/utf8.hh"
#include "base/words.hh"
#include "emit.hh"
#include "json_estimate.hh"
#include "json_processes.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

Json line_json(const Snapshot& snapshot, const Frame& frame, const SourceLine& line) {
  Json json = {{"address", hex_of(frame.pc)},
               {"module", frame.module == kNone ? "" : snapshot.modules[frame.module].path},
               {"offset", hex_of(offset_of(snapshot, frame))},
               {"function", line.function},
               {"file", line.file},
               {"line", line.line},
               {"inlined", line.inlined}};
  if (frame.is_exact) json["exact"] = true;
  if (frame.by_frame_pointer) json["by_frame_pointer"] = true;
  return json;
}

// Frames as they stand in an array, each made once: stacks share most of theirs.
class FrameTexts {
 public:
  explicit FrameTexts(const Report& report) : report_(report), texts_(report.snapshot.frames.size()) {}

  std::string array(std::uint32_t stack) {
    std::string array = "[";
    for (std::uint32_t index : frames_of(report_.snapshot, stack)) {
      if (report_.snapshot.frames[index].is_place) continue;
      if (array.size() > 1) array += ',';
      array += text_of(index);
    }
    return array + "]";
  }

 private:
  const std::string& text_of(std::uint32_t index) {
    std::string& text = texts_[index];
    if (!text.empty()) return text;
    const Frame& frame = report_.snapshot.frames[index];
    const auto& lines = report_.lines[index];
    if (lines.empty()) text = dump_json(line_json(report_.snapshot, frame, {}));
    for (const auto& line : lines)
      text += (text.empty() ? "" : ",") + dump_json(line_json(report_.snapshot, frame, line));
    return text;
  }

  const Report& report_;
  std::vector<std::string> texts_;
};

// A dumped object with another member, whose value is JSON already.
std::string with_member(std::string object, const char* key, const std::string& value) {
  object.pop_back();
  return object + ",\"" + key + "\":" + value + "}";
}

// What the macro hook recorded: "FILE:LINE".
void add_location(Json& json, const Snapshot& snapshot, std::uint32_t stack) {
  if (stack == kNone) return;
  const Frame& frame = snapshot.frames[snapshot.nodes[stack].frame];
  if (frame.is_place) json["location"] = fmt::format("{}:{}", snapshot.places[frame.module], frame.pc);
}

// Of a sample.
std::string stack_text(const Report& report, const Group& group, FrameTexts& frames) {
  const Snapshot& snapshot = report.snapshot;
  const Thread& thread = snapshot.threads[snapshot.blocks[group.blocks.front()].thread];
  Json json = {{"blocks", group.blocks.size()},
               {"bytes", group.bytes},
               {"call", ledger::kCallNames[group.call]},
               {"oldest", utc_of(group.oldest_ns)},
               {"thread", {{"tid", thread.tid}, {"name", thread.name}}}};
  add_estimate(json, snapshot, group.all);
  if (group.reach != ledger::Reach::kUnknown) json["kind"] = ledger::kReachWords[static_cast<std::size_t>(group.reach)];
  add_location(json, snapshot, group.stack);
  if (group.is_truncated) json["truncated"] = true;
  if (group.is_early) json["early"] = true;
  if (group.inherited != 0) json["inherited"] = group.inherited;
  const std::size_t own = report.wrappers.own_frame(lines_of(snapshot, report.lines, group.stack));
  if (own != kNoFrame) json["own_frame"] = own;  // an index into "frames"
  Json addresses = Json::array();
  for (std::uint32_t block : group.blocks) addresses.push_back(hex_of(snapshot.blocks[block].address));
  return with_member(with_member(dump_json(std::move(json)), "frames", frames.array(group.stack)), "addresses",
                     dump_json(std::move(addresses)));
}

std::string bad_free_text(const Report& report, const BadFree& bad_free, FrameTexts& frames) {
  const Thread& thread = report.snapshot.threads[bad_free.thread];
  Json json = {{"kind", ledger::kBadFreeNames[bad_free.kind]},
               {"address", hex_of(bad_free.address)},
               {"time", utc_of(bad_free.time_ns)},
               {"thread", {{"tid", thread.tid}, {"name", thread.name}}}};
  if (bad_free.block != 0) json["block"] = {{"address", hex_of(bad_free.block)}, {"bytes", bad_free.block_bytes}};
  return with_member(dump_json(std::move(json)), "stacks",
                     fmt::format(R"({{"free":{},"first_free":{},"allocation":{}}})", frames.array(bad_free.free_stack),
                                 frames.array(bad_free.first_free_stack), frames.array(bad_free.allocation_stack)));
}

// Both the sum, for `not_listed`, and the list.
void add_runtimes(Json& json, const std::vector<RuntimeUse>& uses) {
  Json array = Json::array();
  std::uint64_t blocks = 0;
  for (const auto& use : uses) {
    array.push_back({{"name", use.name}, {"blocks", use.blocks}, {"bytes", use.bytes}, {"stacks", use.stacks}});
    blocks += use.blocks;
  }
  json["not_listed"]["runtimes"] = blocks;
  json["runtimes"] = std::move(array);
}

Json suppressions_json(const std::vector<SuppressionUse>& uses) {
  Json array = Json::array();
  for (const auto& use : uses)
    array.push_back({{"pattern", use.rule.frames.empty() ? use.rule.pattern : use.rule.in_words()},
                     {"origin", use.rule.origin},
                     {"blocks", use.blocks},
                     {"bytes", use.bytes},
                     {"stacks", use.stacks}});
  return array;
}

// What --group-by asked for; each "stacks" has indices into the report's "stacks".
void add_parts(Json& json, const Snapshot& snapshot, const Parts& parts) {
  Json groups = Json::array();
  for (std::size_t i = 0; i < parts.shown; ++i) {
    const Part& part = parts.parts[i];
    groups.push_back({{"name", part.name},
                      {"blocks", part.blocks},
                      {"bytes", part.bytes},
                      {"oldest", utc_of(part.oldest_ns)},
                      {"stacks", part.groups}});
    add_estimate(groups.back(), snapshot, part.all);
  }
  json["group_by"] = kByWords[static_cast<std::size_t>(parts.by)];
  json["groups"] = std::move(groups);
}

// Where somebody looked: how much there is of each kind, listed or not, and how much of that is not listed.
void add_kinds(Json& json, const Report& report) {
  const Grouped& grouped = report.grouped;
  if (!grouped.knows_kinds) return;
  const KindSums all = all_kinds(grouped);
  Json kinds = Json::object();
  std::uint64_t hidden = 0;
  for (const ledger::Reach reach : kKindOrder) {
    const auto index = static_cast<std::size_t>(reach);
    hidden += grouped.hidden[index].blocks;
    if (reach == ledger::Reach::kUnknown) continue;
    Json& kind = kinds[ledger::kReachWords[index]] = {{"blocks", all[index].blocks}, {"bytes", all[index].bytes}};
    add_estimate(kind, report.snapshot, all[index].all);
  }
  json["totals"]["kinds"] = std::move(kinds);
  json["not_listed"]["kinds"] = hidden;
  if (report.snapshot.unread_bytes != 0) json["unread_bytes"] = report.snapshot.unread_bytes;
}

Json head_json(const Report& report) {
  const Snapshot& snapshot = report.snapshot;
  const Grouped& grouped = report.grouped;
  Json json = {
      {"version", 1},
      {"program", snapshot.program},
      {"pid", snapshot.pid},
      {"state", name_of(snapshot.state)},
      {"from_records", snapshot.from_records},
      {"totals", {{"blocks", grouped.blocks}, {"bytes", grouped.bytes}, {"stacks", grouped.groups.size()}}},
      {"seen",
       {{"allocations", snapshot.allocations}, {"frees", snapshot.frees}, {"bad_frees", snapshot.bad_frees_seen}}},
      {"not_listed",
       {{"libc", grouped.libc_blocks},
        {"ignored", grouped.ignored_blocks},
        {"young", grouped.young_blocks},
        {"suppressed", grouped.suppressed_blocks}}},
      {"suppressions", suppressions_json(report.suppressions)},
      {"not_recorded",
       {{"dropped", snapshot.dropped_blocks},
        {"without_stack", snapshot.dropped_stacks},
        {"below_min_size", snapshot.unrecorded},
        {"children", snapshot.children_unrecorded},
        {"pauses", snapshot.pauses}}},
      {"notices", snapshot.notices},
      {"warnings", with_damage(snapshot, report.warnings)}};
  add_runtimes(json, grouped.runtimes);
  if (snapshot.is_damaged()) json["damaged"] = true;
  if (snapshot.sample_bytes != 0) json["sample"] = {{"bytes", snapshot.sample_bytes}};
  add_estimate(json["totals"], snapshot, grouped.all);
  add_kinds(json, report);
  add_processes(json, snapshot);
  if (report.parts != nullptr) add_parts(json, snapshot, *report.parts);
  if (!snapshot.went_on_as.empty()) json["went_on_as"] = snapshot.went_on_as;
  if (snapshot.saved_ns != 0) json["saved"] = utc_of(snapshot.saved_ns);
  return json;
}

}  // namespace

void emit_json(const Report& report, const Sink& sink) {
  FrameTexts frames(report);
  std::string head = dump_json(head_json(report));
  head.pop_back();
  sink(head + ",\n\"stacks\":[");
  for (std::size_t i = 0; i < report.shown; ++i)
    sink((i == 0 ? "\n" : ",\n") + stack_text(report, report.grouped.groups[i], frames));
  sink("],\n\"bad_frees\":[");
  const auto& bad_frees = report.snapshot.bad_frees;
  for (std::size_t i = 0; i < bad_frees.size(); ++i)
    sink((i == 0 ? "\n" : ",\n") + bad_free_text(report, bad_frees[i], frames));
  sink("]}\n");
}

}  // namespace leakdir::tool
