// SPDX-License-Identifier: BSL-1.0
#include "pattern.hh"

#include <cstddef>

#include "base/utf8.hh"
#include "base/words.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  if (name.empty()) return false;
  const bool from_start = !pattern.empty() && pattern.front() == '^';
  if (from_start) pattern.remove_prefix(1);
  const bool to_end = !pattern.empty() && pattern.back() == '$';
  if (to_end) pattern.remove_suffix(1);
  // Greedy, and goes back to the last `*` only: an earlier one could not match more. A pattern without `^` begins with
  // a `*`.
  std::size_t i = 0, at = 0, after_star = from_start ? kNowhere : 0, retry = 0;
  while (i < pattern.size() || (to_end && at < name.size())) {
    if (i < pattern.size() && pattern[i] == '*') {
      after_star = ++i;
      retry = at;
    } else if (i < pattern.size() && at < name.size() && pattern[i] == name[at]) {
      ++i;
      ++at;
    } else if (after_star != kNowhere && retry < name.size()) {
      i = after_star;
      at = ++retry;
    } else {
      return false;
    }
  }
  return true;
}

bool matches_glob(std::string_view pattern, std::string_view name) {
  std::size_t i = 0, at = 0, after_star = kNowhere, retry = 0;
  while (i < pattern.size() || at < name.size()) {
    if (i < pattern.size() && pattern[i] == '*') {
      after_star = ++i;
      retry = at;
      continue;
    }
    if (i < pattern.size() && at < name.size()) {
      const bool is_letter = pattern[i] == '\\' && i + 1 < pattern.size() &&
                             std::string_view("*?\\").find(pattern[i + 1]) != std::string_view::npos;
      const std::size_t of_pattern = is_letter ? 2 : 1;
      if ((pattern[i] == '?' && !is_letter) || pattern[i + of_pattern - 1] == name[at]) {
        i += of_pattern;
        ++at;
        continue;
      }
    }
    if (after_star == kNowhere || retry >= name.size()) return false;
    i = after_star;
    at = ++retry;
  }
  return true;
}

std::string glob_of(std::string_view name) {
  std::string glob;
  for (bool is_first = true; !name.empty(); is_first = false) {
    const std::size_t known = first_character(name).second, bytes = known == 0 ? 1 : known;
    const std::string_view character = name.substr(0, bytes);
    const bool is_edge = is_first || bytes == name.size();  // where spaces are trimmed
    if (printable(character) != character || (is_edge && character == " "))
      glob.append(bytes, '?');
    else if (character == "*" || character == "?" || character == "\\")
      glob.append("\\").append(character);
    else
      glob += character;
    name.remove_prefix(bytes);
  }
  return glob;
}

}  // namespace leakdir::tool
