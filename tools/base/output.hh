// SPDX-License-Identifier: BSL-1.0
//
// Where a command's output goes. Throws Error when it cannot be written, so that a full disk is not taken for success.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace leakdir::tool {

// Stands for a path: output goes to the descriptor itself, and a file behind it is not truncated.
inline constexpr char kStandardError[] = "standard error";

class Output {
 public:
  // `path` empty: standard output.
  explicit Output(const std::string& path);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view text);
  // What was written counts only after this.
  void finish();

 private:
  void flush();
  [[noreturn]] void fail() const;

  std::string name_;
  int descriptor_;
  std::string waiting_;
};

// Writes a file so that it appears whole or not at all, with `mode` as the umask allows. A pipe or a terminal is
// written to directly.
void write_whole(const std::string& path, std::string_view bytes, unsigned mode);

// One line on standard error, "leakdir: TEXT". Where that cannot be written there is nobody to tell.
void say(std::string_view text);

// `when` is auto, always or never; auto asks the terminal, and NO_COLOR (https://no-color.org).
bool wants_colour(const std::string& when, const std::string& path);

// How wide the terminal is that the output goes to; 0: it goes to none.
std::size_t columns_for(const std::string& path);

}  // namespace leakdir::tool
