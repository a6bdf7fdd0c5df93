// SPDX-License-Identifier: BSL-1.0
//
// Whether a library of a compiler's has debug information: the tool takes what it tells of for the program's, where
// that is linked statically (libpthread.a of Debian 11).

#pragma once

#include <string>

#include "run_program.hh"

namespace leakdir_test {

inline bool has_debug_information(const std::string& compiler, const std::string& library) {
  return run({{"sh", "-c",
               "readelf -SW \"$(" + compiler + " -print-file-name=" + library + ")\" | grep -q '\\.debug_info'"},
              "",
              {},
              "",
              60})
      .exited_with(0);
}

}  // namespace leakdir_test
