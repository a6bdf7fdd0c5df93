// SPDX-License-Identifier: BSL-1.0
//
// The report for programs, version 1. Keys are never renamed or removed; new ones may come. A function or file that is
// not known is "", a line 0, so that the types hold.
//
// Each stack is made and printed by itself: as one tree of a million addresses it would not fit into a small machine.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "emit.hh"
#include "words.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

// Paths may be in any encoding; JSON is UTF-8.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json frames_json(const Report& report, std::uint32_t stack) {
  const Snapshot& snapshot = report.snapshot;
  Json frames = Json::array();
  for (std::uint32_t index : frames_of(snapshot, stack)) {
    const Frame& frame = snapshot.frames[index];
    if (frame.is_place) continue;
    auto lines = report.lines[index];
    if (lines.empty()) lines.emplace_back();
    for (const auto& line : lines)
      frames.push_back({{"address", hex_of(frame.pc)},
                        {"module", frame.module == kNone ? "" : snapshot.modules[frame.module].path},
                        {"offset", hex_of(offset_of(snapshot, frame))},
                        {"function", line.function},
                        {"file", line.file},
                        {"line", line.line},
                        {"inlined", line.inlined}});
  }
  return frames;
}

// What the macro hook recorded: "FILE:LINE".
void add_location(Json& json, const Snapshot& snapshot, std::uint32_t stack) {
  if (stack == kNone) return;
  const Frame& frame = snapshot.frames[snapshot.nodes[stack].frame];
  if (frame.is_place) json["location"] = fmt::format("{}:{}", snapshot.places[frame.module], frame.pc);
}

Json stack_json(const Report& report, const Group& group) {
  const Snapshot& snapshot = report.snapshot;
  const Block& first = snapshot.blocks[group.blocks.front()];
  Json json = {
      {"blocks", group.blocks.size()},
      {"bytes", group.bytes},
      {"call", ledger::kCallNames[group.call]},
      {"oldest", utc_of(group.oldest_ns)},
      {"thread", {{"tid", snapshot.threads[first.thread].tid}, {"name", snapshot.threads[first.thread].name}}}};
  add_location(json, snapshot, group.stack);
  if (group.is_truncated) json["truncated"] = true;
  if (group.is_early) json["early"] = true;
  if (group.inherited != 0) json["inherited"] = group.inherited;
  json["frames"] = frames_json(report, group.stack);
  Json addresses = Json::array();
  for (std::uint32_t block : group.blocks) addresses.push_back(hex_of(snapshot.blocks[block].address));
  json["addresses"] = std::move(addresses);
  return json;
}

Json bad_free_json(const Report& report, const BadFree& bad_free) {
  const Snapshot& snapshot = report.snapshot;
  Json json = {{"kind", ledger::kBadFreeNames[bad_free.kind]},
               {"address", hex_of(bad_free.address)},
               {"time", utc_of(bad_free.time_ns)}};
  const Thread& thread = snapshot.threads[bad_free.thread];
  json["thread"] = {{"tid", thread.tid}, {"name", thread.name}};
  if (bad_free.block != 0) json["block"] = {{"address", hex_of(bad_free.block)}, {"bytes", bad_free.block_bytes}};
  json["stacks"] = {{"free", frames_json(report, bad_free.free_stack)},
                    {"first_free", frames_json(report, bad_free.first_free_stack)},
                    {"allocation", frames_json(report, bad_free.allocation_stack)}};
  return json;
}

}  // namespace

std::string emit_json(const Report& report) {
  const Snapshot& snapshot = report.snapshot;
  const Grouped& grouped = report.grouped;
  Json head = {
      {"version", 1},
      {"program", snapshot.program},
      {"pid", snapshot.pid},
      {"state", name_of(snapshot.state)},
      {"from_records", snapshot.from_records},
      {"totals", {{"blocks", grouped.blocks}, {"bytes", grouped.bytes}, {"stacks", grouped.groups.size()}}},
      {"seen",
       {{"allocations", snapshot.allocations}, {"frees", snapshot.frees}, {"bad_frees", snapshot.bad_frees_seen}}},
      {"not_listed",
       {{"libc", grouped.libc_blocks}, {"ignored", grouped.ignored_blocks}, {"young", grouped.young_blocks}}},
      {"not_recorded",
       {{"dropped", snapshot.dropped_blocks},
        {"without_stack", snapshot.dropped_stacks},
        {"below_min_size", snapshot.unrecorded},
        {"pauses", snapshot.pauses}}},
      {"notices", snapshot.notices},
      {"warnings", report.warnings}};
  std::string out = dump(head);
  out.pop_back();
  out += ",\n\"stacks\":[";
  for (std::size_t i = 0; i < report.shown; ++i)
    out += (i == 0 ? "\n" : ",\n") + dump(stack_json(report, grouped.groups[i]));
  out += "],\n\"bad_frees\":[";
  for (std::size_t i = 0; i < snapshot.bad_frees.size(); ++i)
    out += (i == 0 ? "\n" : ",\n") + dump(bad_free_json(report, snapshot.bad_frees[i]));
  return out + "]}\n";
}

}  // namespace leakdir::tool
