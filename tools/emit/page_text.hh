// SPDX-License-Identifier: BSL-1.0
//
// JSON as it can stand in a page, whatever names are in it.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace leakdir::tool {

// In JSON '<' only stands in texts, where it can be written as an escape: so no name ends the element that it is in.
inline std::string for_page(const nlohmann::ordered_json& json) {
  const std::string text = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (char c : text) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

// What a browser still shows with ease. The stacks beyond are there as a sum.
inline constexpr std::size_t kMostStacksOfPage = 10000;
// Flags of a line.
inline constexpr unsigned kInlinedInPage = 1, kRuntimeInPage = 2;

}  // namespace leakdir::tool
