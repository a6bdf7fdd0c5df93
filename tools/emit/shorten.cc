// SPDX-License-Identifier: BSL-1.0
#include "shorten.hh"

#include <algorithm>
#include <cctype>

namespace leakdir::tool {

namespace {

constexpr std::string_view kGap = "...";

bool is_character_start(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

std::string_view first_columns(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at)
    if (is_character_start(text[at]) && seen++ == columns) break;
  return text.substr(0, at);
}

std::string_view last_columns(std::string_view text, std::size_t columns) {
  const std::size_t all = columns_of(text);
  return all <= columns ? text : text.substr(first_columns(text, all - columns).size());
}

// `operator<`, `operator->`, `operator()` and their like: brackets that open and close nothing.
std::size_t length_of_operator(std::string_view text) {
  constexpr std::string_view kWord = "operator";
  if (text.substr(0, kWord.size()) != kWord) return 0;
  std::size_t end = kWord.size();
  if (text.substr(end, 2) == "()") return end + 2;
  while (end < text.size() && std::string_view("<>=-").find(text[end]) != std::string_view::npos) ++end;
  return end;
}

// The outermost brackets of one kind emptied; in a function, not the "(anonymous namespace)" that it may lie in.
std::string without_contents(const std::string& function, char open, char close) {
  constexpr std::string_view kAnonymous = "(anonymous namespace)";
  const std::string_view all = function;
  std::string text;
  int depth = 0;
  for (std::size_t i = 0; i < function.size();) {
    const std::string_view rest = all.substr(i);
    const bool is_inside_word =
        i > 0 && (std::isalnum(static_cast<unsigned char>(function[i - 1])) || function[i - 1] == '_');
    std::size_t whole = is_inside_word ? 0 : length_of_operator(rest);
    if (whole == 0 && rest.substr(0, kAnonymous.size()) == kAnonymous) whole = kAnonymous.size();
    if (whole != 0) {
      if (depth == 0) text += rest.substr(0, whole);
      i += whole;
      continue;
    }
    const char c = function[i++];
    if (c == close && depth > 0 && --depth == 0 && text.back() == open && function[i - 2] != open) text += kGap;
    if (depth == 0) text += c;
    if (c == open) ++depth;
  }
  return text;
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_character_start));
}

std::string shortened_function(const std::string& function, std::size_t columns) {
  if (columns_of(function) <= columns) return function;
  std::string text = without_contents(function, '<', '>');
  if (columns_of(text) > columns) text = without_contents(text, '(', ')');
  const std::size_t all = columns_of(text);
  if (all <= columns) return text;
  if (columns <= kGap.size()) return std::string(first_columns(text, columns));
  const std::size_t kept = columns - kGap.size(), front = kept / 2;
  return std::string(first_columns(text, front)) + std::string(kGap) + std::string(last_columns(text, kept - front));
}

std::string shortened_path(const std::string& path, std::size_t columns) {
  if (columns_of(path) <= columns) return path;
  if (columns <= kGap.size()) return std::string(last_columns(path, columns));
  return std::string(kGap) + std::string(last_columns(path, columns - kGap.size()));
}

std::string clipped_line(std::string_view line, std::size_t columns) {
  std::string clipped;
  std::size_t used = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {  // a colour takes no room, and the one that ends it must not be cut off
      const std::size_t end = std::min(line.find('m', i), line.size() - 1);
      clipped += line.substr(i, end - i + 1);
      i = end;
      continue;
    }
    if (is_character_start(line[i])) ++used;
    if (used <= columns) clipped += line[i];
  }
  return clipped;
}

}  // namespace leakdir::tool
