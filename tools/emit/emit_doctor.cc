// SPDX-License-Identifier: BSL-1.0
//
// What doctor found, for people and for programs. Keys of the JSON are never renamed or removed.

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "analyse/doctor.hh"
#include "base/utf8.hh"
#include "base/words.hh"

namespace leakdir::tool {

namespace {

const char* colour_of(Health health) {
  switch (health) {
    case Health::kGood:
      return "32";
    case Health::kWeak:
      return "33";
    case Health::kMissing:
      return "1;31";
    default:
      return "2";
  }
}

Health health_of(const Diagnosis& diagnosis, std::string_view check) {
  for (const auto& finding : diagnosis.findings)
    if (finding.check == check) return finding.health;
  return Health::kUnknown;
}

// What it comes to, in a sentence.
std::string verdict_of(const Diagnosis& diagnosis) {
  if (diagnosis.needs_hooks && !diagnosis.has_hooks) return "nothing will be recorded";
  const std::string stacks = diagnosis.has_callers_alone
                                 ? "the caller of each block of the sources that are compiled with leakdir/trace.h"
                             : health_of(diagnosis, "unwind tables") == Health::kMissing ? "the caller of each block"
                                                                                         : "the stack of each block";
  if (health_of(diagnosis, "lines") == Health::kGood) return fmt::format("{}, with functions, files and lines", stacks);
  if (health_of(diagnosis, "symbols") == Health::kGood) return fmt::format("{}, with functions", stacks);
  return fmt::format("{}, as module+offset", stacks);
}

}  // namespace

std::string_view name_of(Health health) {
  switch (health) {
    case Health::kGood:
      return "good";
    case Health::kWeak:
      return "weak";
    case Health::kMissing:
      return "missing";
    case Health::kOptional:
      return "optional";
    default:
      return "unknown";
  }
}

std::string diagnosis_text(const Diagnosis& diagnosis, bool is_coloured) {
  std::string text = fmt::format("{}: {}, {}\n", printable(diagnosis.path), diagnosis.machine, diagnosis.kind);
  for (const auto& finding : diagnosis.findings) {
    std::string health = fmt::format("{:<8}", name_of(finding.health));
    if (is_coloured) health = fmt::format("\x1b[{}m{}\x1b[0m", colour_of(finding.health), health);
    text += fmt::format("  {} {:<15} {}\n", health, finding.check, printable(finding.text));
    if (!finding.remedy.empty()) text += fmt::format("{:27}-> {}\n", "", printable(finding.remedy));
  }
  return text + fmt::format("What to expect: {}.\n", verdict_of(diagnosis));
}

std::string diagnosis_json(const Diagnosis& diagnosis) {
  using Json = nlohmann::ordered_json;
  Json findings = Json::array();
  for (const auto& finding : diagnosis.findings)
    findings.push_back({{"check", finding.check},
                        {"health", name_of(finding.health)},
                        {"text", finding.text},
                        {"remedy", finding.remedy}});
  const Json json = {{"version", 1},
                     {"file", diagnosis.path},
                     {"machine", diagnosis.machine},
                     {"kind", diagnosis.kind},
                     {"hooks", diagnosis.has_hooks},
                     {"expect", verdict_of(diagnosis)},
                     {"findings", std::move(findings)}};
  return dump_json(json, 2) + "\n";
}

}  // namespace leakdir::tool
