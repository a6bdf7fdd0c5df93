// SPDX-License-Identifier: BSL-1.0
//
// Regular expressions (ECMAScript's). Only groups.cc includes <regex>, which takes longer to compile than most tests.

#pragma once

#include <string>
#include <vector>

namespace leakdir_test {

// What matched, and then each group of the pattern, "" if it is in no part that matched. Empty: no match.
using Groups = std::vector<std::string>;

Groups groups_of(const std::string& text, const std::string& pattern);  // the whole of it
Groups groups_in(const std::string& text, const std::string& pattern);  // anywhere in it, the first
std::vector<Groups> all_groups_in(const std::string& text, const std::string& pattern);

}  // namespace leakdir_test
