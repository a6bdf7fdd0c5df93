// SPDX-License-Identifier: BSL-1.0
//
// The lines that frames are at, as they stand in the sources, where those are here. What a program's debug information
// names may be any file, and a page with its lines may be sent to others: so what is read is a regular file that is
// called as a source is, no link, and not younger than the process, as other lines would be its own.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace leakdir::tool {

using SourcePlace = std::pair<std::string, unsigned>;  // file and line
using SourceTexts = std::map<SourcePlace, std::string>;

inline constexpr std::size_t kMostOfALine = 160, kMostOfAllLines = 1 << 20, kMostOfASource = 8 << 20;

// Without the blanks around them. What cannot be had, or is too much, is left out.
SourceTexts source_texts(const std::set<SourcePlace>& places, std::int64_t started_ns);

}  // namespace leakdir::tool
