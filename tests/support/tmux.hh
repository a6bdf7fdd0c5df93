// SPDX-License-Identifier: BSL-1.0
//
// A terminal with a person at it: tmux runs a command, shows what its screen looks like, and presses keys.

#pragma once

#include <string>
#include <vector>

#include "scratch_directory.hh"

namespace leakdir_test {

class Tmux {
 public:
  // `command` is for the shell, and runs in `directory`.
  Tmux(const std::string& command, const std::string& directory, int columns, int lines);
  ~Tmux();
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;

  std::vector<std::string> screen() const;  // its lines
  std::string text() const;                 // the same in one
  // Waits, for long if need be, until the screen has that text.
  bool shows(const std::string& text) const;
  void press(const std::string& key) const;  // as tmux calls it: "q", "C-c"
  void resize(int columns, int lines) const;
  // What tmux knows of the terminal: "alternate_on", "cursor_flag".
  std::string knows(const std::string& variable) const;

 private:
  std::string tmux(std::vector<std::string> arguments) const;

  Scratch scratch_;
};

}  // namespace leakdir_test
