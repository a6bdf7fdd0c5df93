// SPDX-License-Identifier: BSL-1.0
//
// The ways of targets/bad_free.c, and what has to be known of each.

#pragma once

#include <ostream>

namespace leakdir_test {

struct Bad {
  const char* argument;
  const char* kind;
  bool first_free, allocation;  // stacks that must be known
};

inline void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.argument; }

inline constexpr Bad kBads[] = {
    {"double", "double free", true, true},
    {"inside", "free inside a block", false, true},
    {"stack", "free of a pointer that malloc never returned", false, false},
    {"static", "free of a pointer that malloc never returned", false, false},
    {"wild", "free of a pointer that malloc never returned", false, false},
    {"misaligned", "free of a pointer that malloc never returned", false, false},
    {"realloc-freed", "realloc of a freed block", true, true},
    {"realloc-static", "realloc of a pointer that malloc never returned", false, false},
    {"realloc-inside", "realloc inside a block", false, true},
};

}  // namespace leakdir_test
