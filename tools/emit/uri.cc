// SPDX-License-Identifier: BSL-1.0
#include "uri.hh"

#include <fmt/format.h>

#include <string_view>

namespace leakdir::tool {

std::string uri_of(const std::string& path) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";  // a colon would end a scheme
  std::string uri = path.compare(0, 1, "/") == 0 ? "file://" : "";
  for (char c : path) {
    if (kPlain.find(c) != std::string_view::npos)
      uri += c;
    else
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri;
}

}  // namespace leakdir::tool
