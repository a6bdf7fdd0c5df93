// SPDX-License-Identifier: BSL-1.0
//
// Names that fit into a terminal's width. What is left out is marked by "...".

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace leakdir::tool {

// Columns that a text takes, as far as can be told without tables: characters, not bytes of UTF-8.
std::size_t columns_of(std::string_view text);

// A function: what says least goes first, arguments of templates, then parameters, then the middle.
std::string shortened_function(const std::string& function, std::size_t columns);

// A path: its end says most.
std::string shortened_path(const std::string& path, std::size_t columns);

// A line that may have colours in it, cut to a width.
std::string clipped_line(std::string_view line, std::size_t columns);

}  // namespace leakdir::tool
