// SPDX-License-Identifier: BSL-1.0
#include <nlohmann/json.hpp>

#include "base/utf8.hh"
#include "difference_json.hh"
#include "emit_check.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

const char* name_of(Answer answer) {
  return answer == Answer::kLeak ? "leak" : answer == Answer::kNoLeak ? "no_leak" : "no_trust";
}

Json totals_json(const Tally& tally) {
  return {{"blocks", tally.blocks()},
          {"bytes", tally.bytes()},
          {"stacks_by_function", tally.stacks.size()},
          {"bad_frees", tally.bad_free_count()}};
}

}  // namespace

void emit_check_json(const CheckReport& report, const Sink& sink) {
  Json json = {{"version", 1},
               {"verdict", name_of(report.verdict.answer)},
               {"text", report.verdict.sentence},
               {"program", report.now.program},
               {"state", report.now.state},
               {"totals", totals_json(report.now)}};
  if (report.is_compared) {
    json["compared_with"] = report.before.origin;
    json["totals_before"] = totals_json(report.before);
  }
  json["stacks"] = Json::array();
  for (std::size_t i = 0; i < report.shown; ++i) json["stacks"].push_back(difference_json(report.verdict.stacks[i]));
  json["stacks_not_shown"] = report.verdict.stacks.size() - report.shown;
  json["bad_frees"] = Json::array();
  for (std::size_t i = 0; i < report.shown_bad_frees; ++i)
    json["bad_frees"].push_back(bad_free_difference_json(report.verdict.bad_frees[i]));
  json["bad_frees_not_shown"] = report.verdict.bad_frees.size() - report.shown_bad_frees;
  json["notes"] = report.notes;
  json["warnings"] = report.warnings;
  sink(dump_json(std::move(json), 1) + "\n");
}

}  // namespace leakdir::tool
