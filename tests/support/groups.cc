// SPDX-License-Identifier: BSL-1.0
#include "groups.hh"

#include <map>
#include <regex>

namespace leakdir_test {

namespace {

// There are thousands of records, and few patterns.
const std::regex& compiled(const std::string& pattern) {
  static std::map<std::string, std::regex> all;
  const auto found = all.find(pattern);
  return found != all.end() ? found->second : all.emplace(pattern, pattern).first->second;
}

Groups strings(const std::smatch& match) { return {match.begin(), match.end()}; }

}  // namespace

Groups groups_of(const std::string& text, const std::string& pattern) {
  std::smatch match;
  return std::regex_match(text, match, compiled(pattern)) ? strings(match) : Groups();
}

Groups groups_in(const std::string& text, const std::string& pattern) {
  std::smatch match;
  return std::regex_search(text, match, compiled(pattern)) ? strings(match) : Groups();
}

std::vector<Groups> all_groups_in(const std::string& text, const std::string& pattern) {
  std::vector<Groups> found;
  for (std::sregex_iterator at(text.begin(), text.end(), compiled(pattern)), end; at != end; ++at)
    found.push_back(strings(*at));
  return found;
}

}  // namespace leakdir_test
