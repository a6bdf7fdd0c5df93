// SPDX-License-Identifier: BSL-1.0
//
// Where a command's output goes. Throws Error when it cannot be written, so that a full disk is not taken for success.

#pragma once

#include <string>

namespace leakdir::tool {

// `path` empty: standard output.
void write_output(const std::string& path, const std::string& text);

// `when` is auto, always or never; auto asks the terminal, and NO_COLOR (https://no-color.org).
bool wants_colour(const std::string& when, const std::string& path);

}  // namespace leakdir::tool
