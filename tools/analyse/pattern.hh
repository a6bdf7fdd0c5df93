// SPDX-License-Identifier: BSL-1.0
//
// Patterns for names: LeakSanitizer's, as in a line leak:PATTERN, and Valgrind's, as in fun:PATTERN. Neither takes
// longer than the product of both lengths, whatever they are.

#pragma once

#include <string>
#include <string_view>

namespace leakdir::tool {

// LeakSanitizer's: found anywhere in the name. `*` stands for anything; `^` at its start and `$` at its end hold it to
// the start and the end of the name.
bool matches_pattern(std::string_view pattern, std::string_view name);

// Valgrind's: matches the whole name. `*` stands for anything and `?` for one byte; a backslash before one of the three
// makes it a letter.
bool matches_glob(std::string_view pattern, std::string_view name);

// The pattern that matches this name: what a line of a file cannot hold is a `?` in it.
std::string glob_of(std::string_view name);

}  // namespace leakdir::tool
