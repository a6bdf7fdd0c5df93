// SPDX-License-Identifier: BSL-1.0
//
// The one way in which a command gives up: main.cc prints the message as one line and exits with status 1.

#pragma once

#include <stdexcept>

namespace leakdir::tool {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Nothing of leakdir's is there: the program may not have run, or without it.
class NothingThere : public Error {
 public:
  using Error::Error;
};

}  // namespace leakdir::tool
