// SPDX-License-Identifier: BSL-1.0
//
// The functions of libc's that lie between main and _start in every stack, from the innermost on. From glibc 2.34 on
// main is called by one of its own.

#pragma once

#include <string>
#include <vector>

#include "libc_release.hh"

namespace leakdir_test {

inline std::vector<std::string> libc_beyond_main() {
  if (glibc_minor() < 34) return {"__libc_start_main"};
  return {"__libc_start_call_main", "__libc_start_main_impl"};
}

// Where it has no names (a dynamic program's has none but those that it exports).
inline std::vector<std::string> nameless_libc_beyond_main() {
  return std::vector<std::string>(libc_beyond_main().size(), "?");
}

// `functions`, main, libc's and _start.
inline std::vector<std::string> called_by_main(std::vector<std::string> functions,
                                               const std::vector<std::string>& libcs) {
  functions.push_back("main");
  functions.insert(functions.end(), libcs.begin(), libcs.end());
  functions.push_back("_start");
  return functions;
}

}  // namespace leakdir_test
