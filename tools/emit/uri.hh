// SPDX-License-Identifier: BSL-1.0
//
// A path of any bytes as a URI (RFC 3986).

#pragma once

#include <string>

namespace leakdir::tool {

// "file:///home/you/app.c"; of a relative path a relative reference, "src/app.c".
std::string uri_of(const std::string& path);

}  // namespace leakdir::tool
