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

}  // namespace leakdir::tool
