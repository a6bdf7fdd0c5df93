// SPDX-License-Identifier: BSL-1.0
//
// What `meson install` installs from the build under test, in a scratch directory. Nothing is built for it.

#pragma once

#include <string>

#include "scratch_directory.hh"

namespace leakdir_test {

std::string build_root();

// Installs below `root`, as a package is made: DESTDIR. Throws when it cannot.
void install_below(const std::string& root);

// A whole prefix, and not where it was configured to be: moved after it was installed.
class Installation {
 public:
  Installation();

  const std::string& prefix() const { return prefix_; }
  const std::string& libdir() const { return libdir_; }

 private:
  Scratch scratch_;
  std::string prefix_, libdir_;
};

}  // namespace leakdir_test
