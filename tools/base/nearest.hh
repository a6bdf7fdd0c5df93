// SPDX-License-Identifier: BSL-1.0
//
// Which word may have been meant by one that nobody knows.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leakdir::tool {

// The word that takes the fewest letters to be changed, left out, added, or exchanged with their neighbour; empty: each
// takes more than a third as many as the word has, and more than one.
std::string nearest_to(std::string_view word, const std::vector<std::string>& words);

}  // namespace leakdir::tool
