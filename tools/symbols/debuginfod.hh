// SPDX-License-Identifier: BSL-1.0
//
// Debug files from the servers of DEBUGINFOD_URLS, through elfutils' own client, which keeps them in its cache. It is
// loaded when it is asked for: the tool does without it, and without a network, otherwise.

#pragma once

#include <string>

namespace leakdir::tool {

class Debuginfod {
 public:
  // Throws Error when no server is named or the client is not installed.
  Debuginfod();
  ~Debuginfod();
  Debuginfod(const Debuginfod&) = delete;
  Debuginfod& operator=(const Debuginfod&) = delete;

  // The debug file of a program or library, by its build-id in bytes; empty when no server has it.
  std::string fetch(const std::string& build_id);

 private:
  void* library_;
  void* client_ = nullptr;
};

}  // namespace leakdir::tool
