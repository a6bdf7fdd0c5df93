// SPDX-License-Identifier: BSL-1.0
//
// What a static program with std::thread is linked with upon glibc before 2.34, with leakdir or without: libstdc++'s
// names of libpthread's functions are weak, so that the program needs all of it.

#pragma once

#include <string>
#include <vector>

namespace leakdir_test {

inline const std::vector<std::string> kWholeLibpthread = {"-Wl,--whole-archive", "-lpthread", "-Wl,--no-whole-archive"};

inline std::vector<std::string> with_whole_libpthread(std::vector<std::string> flags) {
  flags.insert(flags.end(), kWholeLibpthread.begin(), kWholeLibpthread.end());
  return flags;
}

}  // namespace leakdir_test
