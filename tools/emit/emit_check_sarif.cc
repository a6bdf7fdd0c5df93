// SPDX-License-Identifier: BSL-1.0
//
// SARIF 2.1.0. Files below the source root are named from there on, as whoever shows them has the same sources
// elsewhere. A result whose line is not known is said of the program or library. What tells a result again in the next
// run is its stack's id, not its line.
//
// All texts are printable, so that none needs an escape of ours.

#include <nlohmann/json.hpp>

#include "analyse/stack_id.hh"
#include "base/words.hh"
#include "difference_text.hh"
#include "findings.hh"
#include "uri.hh"

namespace leakdir::tool {

namespace {

using Json = nlohmann::ordered_json;

constexpr char kRoot[] = "SRCROOT";

struct Rule {
  const char *id, *name, *summary, *help;
};
constexpr Rule kRules[] = {
    {"leak", "BlockNotFreed", "A heap block that is not freed",
     "The program has allocated these blocks through this stack and not freed them. The location is the first function "
     "of the program's own code that does not allocate for others."},
    {"bad-free", "BadFree", "A free of what is no live block",
     "A double free, a free inside a block, or of a pointer that malloc never returned. The stack is that of the "
     "free."},
};
enum RuleIndex { kLeak, kBadFree };

Json message(const std::string& text) { return {{"text", text}}; }

class SarifReport {
 public:
  explicit SarifReport(const CheckReport& report) : report_(report) {}

  Json make() const {
    Json run = {{"tool", {{"driver", driver()}}}, {"invocations", {invocation()}}, {"columnKind", "utf16CodeUnits"}};
    if (!report_.source_root.empty()) run["originalUriBaseIds"] = {{kRoot, {{"uri", root_uri()}}}};
    run["results"] = results();
    return {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", {run}}};
  }

 private:
  Json driver() const {
    Json rules = Json::array();
    for (const auto& rule : kRules)
      rules.push_back({{"id", rule.id},
                       {"name", rule.name},
                       {"shortDescription", message(rule.summary)},
                       {"fullDescription", message(rule.help)},
                       {"help", message(rule.help)},
                       {"defaultConfiguration", {{"level", "error"}}},
                       {"properties", {{"tags", {"memory"}}, {"precision", "very-high"}}}});
    return {{"name", "leakdir"}, {"version", report_.version}, {"rules", rules}};
  }

  // What ends in a slash is a directory.
  std::string root_uri() const {
    const std::string uri = uri_of(report_.source_root);
    return uri.back() == '/' ? uri : uri + "/";
  }

  Json invocation() const {
    const bool is_trusted = report_.verdict.answer != Answer::kNoTrust;
    Json notifications = Json::array();
    auto notify = [&](const char* level, const std::string& text) {
      notifications.push_back({{"level", level}, {"message", message(printable(text))}});
    };
    if (!is_trusted) notify("error", report_.verdict.sentence);
    for (const auto& warning : report_.warnings) notify("warning", warning);
    for (const auto& note : report_.notes) notify("note", note);
    if (const std::string rest = not_shown_text(report_); !rest.empty()) notify("note", rest);
    return {{"executionSuccessful", is_trusted}, {"toolExecutionNotifications", notifications}};
  }

  Json results() const {
    Json results = Json::array();
    for (std::size_t i = 0; i < report_.shown; ++i) {
      const Difference& found = report_.verdict.stacks[i];
      Json one = result(found, kLeak, finding_name(report_, found), finding_head(report_, found));
      one["properties"] = {{"blocks", found.stack().blocks}, {"bytes", found.stack().bytes}};
      if (report_.is_compared) one["properties"]["change"] = name_of(found.fate);
      results.push_back(std::move(one));
    }
    for (std::size_t i = 0; i < report_.shown_bad_frees; ++i) {
      const Difference& found = report_.verdict.bad_frees[i];
      results.push_back(result(found, kBadFree, "bad free", bad_free_head(report_, found)));
    }
    return results;
  }

  Json result(const Difference& found, RuleIndex rule, const char* name, const std::string& head) const {
    const TallyStack& stack = found.stack();
    const std::string id = stack_id(stack);
    return {{"ruleId", kRules[rule].id},
            {"ruleIndex", static_cast<int>(rule)},
            {"level", "error"},
            {"message", message(std::string(name) + " in " + own_function_of(stack) + ": " + head)},
            {"locations", {location_of(stack)}},
            {"stacks",
             {{{"message", message(rule == kLeak ? "allocated here" : "freed here")}, {"frames", frames(stack)}}}},
            {"partialFingerprints", {{"leakdirStack/v1", id}}}};
  }

  Json location_of(const TallyStack& stack) const {
    if (stack.own < stack.frames.size()) return location_of(stack.frames[stack.own]);
    return {{"physicalLocation", {{"artifactLocation", {{"uri", uri_of(report_.now.program)}}}}}};
  }

  Json location_of(const TallyFrame& frame) const {
    const SourcePosition at = position_of(report_, frame.line);
    const std::string& file = at.file.empty() ? frame.module : at.file;
    Json location = Json::object();
    if (!file.empty()) {
      Json& physical = location["physicalLocation"] = {{"artifactLocation", {{"uri", uri_of(file)}}}};
      if (at.is_below_root && !report_.source_root.empty()) physical["artifactLocation"]["uriBaseId"] = kRoot;
      if (!at.file.empty() && at.line != 0) physical["region"] = {{"startLine", at.line}};
    }
    const std::string function = frame.line.function.empty() ? "" : readable_function(frame.line.function);
    if (!function.empty()) location["logicalLocations"] = {{{"fullyQualifiedName", function}, {"kind", "function"}}};
    return location;
  }

  Json frames(const TallyStack& stack) const {
    Json frames = Json::array();
    for (const auto& frame : stack.frames) {
      Json one = {{"location", location_of(frame)}};
      if (!frame.module.empty()) one["module"] = printable(frame.module);
      frames.push_back(std::move(one));
    }
    return frames;
  }

  const CheckReport& report_;
};

}  // namespace

void emit_check_sarif(const CheckReport& report, const Sink& sink) { sink(SarifReport(report).make().dump(1) + "\n"); }

}  // namespace leakdir::tool
