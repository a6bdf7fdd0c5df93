// SPDX-License-Identifier: BSL-1.0
#include "expected_kinds.hh"

#include <map>
#include <vector>

#include "record_reader.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {

Kinds expected_kinds(const std::string& output) {
  Kinds kinds;
  for (const std::string& line : lines_of(output)) {
    if (line.rfind("expect ", 0) != 0) continue;
    const std::string kind = said(line, "expect", "kind");
    if (kind != "freed" && kind != "ignored") kinds.emplace(kind, std::stoull(said(line, "expect", "size")));
  }
  return kinds;
}

Kinds kinds_in(const nlohmann::json& report) {
  Kinds kinds;
  for (const auto& stack : report.at("stacks")) {
    const auto blocks = stack.at("blocks").get<std::uint64_t>();
    for (std::uint64_t i = 0; i < blocks; ++i)
      kinds.emplace(stack.value("kind", "unknown"), stack.at("bytes").get<std::uint64_t>() / blocks);
  }
  return kinds;
}

namespace {

// As in --show-leak-kinds, and in a record.
const std::vector<std::pair<std::string, std::string>> kWords = {{"definite", "definitely lost"},
                                                                 {"indirect", "indirectly lost"},
                                                                 {"possible", "possibly lost"},
                                                                 {"reachable", "still reachable"}};

}  // namespace

Kinds kinds_in_records(const std::string& directory) {
  std::map<std::string, std::string> words = {{"", "not known"}};
  for (const auto& [word, name] : kWords) words[name] = word;
  Kinds kinds;
  for (const Record& record : records_in(directory)) kinds.emplace(words.at(record.reach), record.size);
  return kinds;
}

std::string kinds_at_exit(const Kinds& kinds, const std::string& more) {
  std::map<std::string, std::size_t> counts;
  for (const auto& kind : kinds) ++counts[kind.first];
  std::string said;
  for (const auto& [word, name] : kWords) {
    if (counts[word] != 0) said += (said.empty() ? "" : ", ") + std::to_string(counts[word]) + " " + name;
  }
  if (!said.empty() && !more.empty()) said += "; ";
  said += more;
  return said.empty() ? "" : " (" + said + ")";
}

std::string kinds_at_exit(const std::string& directory, const std::string& more) {
  return kinds_at_exit(kinds_in(report(directory)), more);
}

}  // namespace leakdir_test
