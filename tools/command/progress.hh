// SPDX-License-Identifier: BSL-1.0
//
// How far a long piece of work is: a bar on the terminal, on standard error, that comes after a while and goes when the
// work is done. Nothing at all where standard error is no terminal.

#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace leakdir::tool {

class Progress {
 public:
  // `work` says what is being done; when it is done within `patience`, nothing is shown.
  explicit Progress(std::string work, std::chrono::milliseconds patience = std::chrono::milliseconds(700));
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(std::size_t done, std::size_t all);

 private:
  using Clock = std::chrono::steady_clock;

  std::string work_;
  bool is_on_terminal_, is_visible_ = false;
  Clock::time_point next_;
};

// The bar alone, `columns` wide in all.
std::string progress_line(const std::string& work, std::size_t done, std::size_t all, std::size_t columns);

}  // namespace leakdir::tool
