// SPDX-License-Identifier: BSL-1.0
#include "expected_kinds.hh"

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

}  // namespace leakdir_test
