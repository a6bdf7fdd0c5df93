// SPDX-License-Identifier: BSL-1.0
//
// A look of `watch` as one line of JSON, version 1, for whoever keeps a log of them. Keys are never renamed or removed.
// A stack's id is that of the stack by function: several stacks of a look may have one.

#include <nlohmann/json.hpp>

#include "analyse/stack_id.hh"
#include "base/utf8.hh"
#include "base/words.hh"
#include "emit.hh"
#include "json_estimate.hh"
#include "json_processes.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

Json change_json(const Change& change) { return {{"blocks", change.blocks}, {"bytes", change.bytes}}; }

Json kinds_json(const Grouped& grouped) {
  const KindSums sums = all_kinds(grouped);
  Json json = Json::object();
  for (const ledger::Reach reach : kKindOrder) {
    const auto kind = static_cast<std::size_t>(reach);
    if (reach != ledger::Reach::kUnknown)
      json[ledger::kReachWords[kind]] = {{"blocks", sums[kind].blocks}, {"bytes", sums[kind].bytes}};
  }
  return json;
}

Json stack_json(const Report& report, std::size_t index) {
  const Group& group = report.grouped.groups[index];
  const TallyStack stack = tally_stack(report.snapshot, group, report.lines, report.wrappers, Figures::kRecorded);
  Json json = {{"id", stack_id(stack)}, {"call", stack.call}, {"blocks", stack.blocks}, {"bytes", stack.bytes}};
  add_estimate(json, report.snapshot, group.all);
  if (group.reach != ledger::Reach::kUnknown) json["kind"] = ledger::kReachWords[static_cast<std::size_t>(group.reach)];
  if (report.growth != nullptr) json["growth"] = change_json(report.growth->groups[index]);
  const SourceLine line = stack.own < stack.frames.size() ? stack.frames[stack.own].line : SourceLine();
  json["function"] = line.function;
  json["file"] = line.file;
  json["line"] = line.line;
  json["identity"] = stack.identity;
  return json;
}

}  // namespace

void emit_look(const Report& report, const std::string& ended, const Sink& sink) {
  const Snapshot& snapshot = report.snapshot;
  const Grouped& grouped = report.grouped;
  Json json = {{"version", 1},
               {"time", utc_of(snapshot.end_ns)},
               {"program", snapshot.program},
               {"pid", snapshot.pid},
               {"state", name_of(snapshot.state)},
               {"totals", {{"blocks", grouped.blocks}, {"bytes", grouped.bytes}, {"stacks", grouped.groups.size()}}}};
  if (snapshot.sample_bytes != 0) json["sample"] = {{"bytes", snapshot.sample_bytes}};
  add_estimate(json["totals"], snapshot, grouped.all);
  add_processes(json, snapshot);
  if (!ended.empty()) json["ended"] = ended;
  if (grouped.knows_kinds) json["totals"]["kinds"] = kinds_json(grouped);
  if (report.growth != nullptr) {
    json["growth"] = change_json(report.growth->total);
    json["growth"]["milliseconds"] = report.growth->over_ns / 1'000'000;
  }
  json["seen"] = {
      {"allocations", snapshot.allocations}, {"frees", snapshot.frees}, {"bad_frees", snapshot.bad_frees_seen}};
  json["files_behind"] = snapshot.files_behind;
  json["stacks"] = Json::array();
  for (std::size_t i = 0; i < report.shown; ++i) json["stacks"].push_back(stack_json(report, i));
  const Sum rest = not_shown(report);
  json["not_shown"] = {{"stacks", rest.stacks}, {"blocks", rest.blocks}, {"bytes", rest.bytes}};
  json["warnings"] = with_damage(snapshot, report.warnings);
  sink(dump_json(std::move(json)) + "\n");
}

}  // namespace leakdir::tool
