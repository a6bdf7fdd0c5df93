// SPDX-License-Identifier: BSL-1.0
#include "expected_kinds.hh"

#include <map>

#include "record_reader.hh"
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

Kinds kinds_in_records(const std::string& directory) {
  const std::map<std::string, std::string> words = {{"definitely lost", "definite"},
                                                    {"indirectly lost", "indirect"},
                                                    {"possibly lost", "possible"},
                                                    {"still reachable", "reachable"},
                                                    {"", "not known"}};
  Kinds kinds;
  for (const Record& record : records_in(directory)) kinds.emplace(words.at(record.reach), record.size);
  return kinds;
}

}  // namespace leakdir_test
