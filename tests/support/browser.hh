// SPDX-License-Identifier: BSL-1.0
//
// A browser without a window, for pages that the tool made: opens a file, runs JavaScript in it, clicks and types as a
// person does. It is Debian's chromium-headless-shell, spoken to in its DevTools protocol through two pipes.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "json.hh"
#include "scratch_directory.hh"

namespace leakdir_test {

class Browser {
 public:
  static constexpr char kWhyNot[] = "there is no chromium-headless-shell, which Debian has from 12 on";
  static bool is_installed();

  Browser();
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // Opens the file and waits until it is loaded.
  void open(const std::string& path, int width = 1400, int height = 900, bool is_dark = false);
  // The value of an expression. Throws when it throws.
  nlohmann::json evaluate(const std::string& expression);
  // Waits, for long if need be, until the expression is true; says whether that came.
  bool becomes_true(const std::string& expression);
  // Presses and lets go the mouse in the middle of what a CSS selector finds first.
  void click(const std::string& selector);
  void type(const std::string& text);  // into what has the focus
  void press(const std::string& key);
  void save_picture(const std::string& path);

  // Of the page that is open: whatever was asked for, and what went to the console as an error.
  const std::vector<std::string>& requests() const { return requests_; }
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  nlohmann::json call(const std::string& method, const nlohmann::json& parameters = nlohmann::json::object());
  nlohmann::json next_message();
  void note(const nlohmann::json& event);

  Scratch profile_;
  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  int calls_ = 0;
  bool is_loaded_ = false;
  std::string session_, received_;
  std::vector<std::string> requests_, errors_;
};

}  // namespace leakdir_test
