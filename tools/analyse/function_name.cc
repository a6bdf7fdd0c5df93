// SPDX-License-Identifier: BSL-1.0
#include "function_name.hh"

#include <cstddef>

namespace leakdir::tool {

namespace {

constexpr std::string_view kOperator = "operator";
constexpr std::string_view kAnonymous = "(anonymous namespace)";

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

}  // namespace

std::string_view without_clones(std::string_view function) {
  for (std::string_view mark : {" [clone ", ".part.", ".constprop.", ".isra.", ".cold", ".lto_priv.", ".llvm."}) {
    const std::size_t at = function.find(mark);
    if (at != std::string_view::npos && at != 0) function = function.substr(0, at);
  }
  return function;
}

std::string_view name_in_any_build(std::string_view function) {
  for (std::string_view start : {"__GI_", "__"})
    if (function.size() > start.size() && starts_with(function, start)) function.remove_prefix(start.size());
  return without_clones(function);
}

std::string_view without_return_type(std::string_view function) {
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < function.size(); ++i) {
    const char c = function[i];
    const std::string_view word = function.substr(start, i - start);
    if (depth == 0 && c == '(' && !word.empty()) return function.substr(start);
    if (c == '<' || c == '(') ++depth;
    if (c == '>' || c == ')') --depth;
    if (depth != 0 || c != ' ') continue;
    if (word.size() >= kOperator.size() && word.substr(word.size() - kOperator.size()) == kOperator)
      return function.substr(start);
    start = i + 1;
  }
  return function.substr(start);
}

std::string_view without_parameters(std::string_view function) {
  const std::string_view name = without_return_type(function);
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (starts_with(name.substr(i), kAnonymous)) {
      i += kAnonymous.size() - 1;
      continue;
    }
    if (name[i] == '<' || name[i] == '{') ++depth;
    if ((name[i] == '>' || name[i] == '}') && depth > 0) --depth;
    if (depth == 0 && name[i] == '(' && i != 0 && !starts_with(name.substr(i), "()(")) return name.substr(0, i);
  }
  return name;
}

std::string_view last_name(std::string_view function) {
  std::string_view name = without_parameters(name_in_any_build(function));
  int depth = 0;
  std::size_t start = 0, end = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>' && depth > 0)
      --depth;
    else if (depth == 0 && starts_with(name.substr(i), "::"))
      start = i + 2;
    else if (depth == 0)
      end = i + 1;
  }
  return end > start ? name.substr(start, end - start) : name.substr(start);
}

}  // namespace leakdir::tool
