// SPDX-License-Identifier: BSL-1.0
//
// What an object defines and needs, and the reviewed lists of it.

#pragma once

#include <string>
#include <vector>

namespace leakdir_test {

// "malloc T", sorted by name; weak undefined ones as "name w". `which`: of nm, --defined-only or --undefined-only.
std::string symbols_of(const std::string& object, const char* which, const std::vector<std::string>& more = {});

// Of tests/golden/, without what this release of glibc has not yet.
std::string golden(const std::string& name);

// glibc's malloc.o is in leakdir-static.o, and needs other internals in each release: those of glibc 2.36 are among the
// reviewed ones. With another release what needs a look is what that release's malloc.o does not explain.
std::vector<std::string> needed_beside_malloc(const std::string& symbols);

// What an object defines, without what is not among the reviewed ones and what that other release's malloc.o has, too.
std::string defined_beside_newer(const std::string& symbols, const std::string& reviewed);

}  // namespace leakdir_test
