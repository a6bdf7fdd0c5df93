// SPDX-License-Identifier: BSL-1.0
//
// The terminal, taken over for a picture that is drawn again and again: a screen of its own, no cursor, keys without
// Enter. It is given back as it was, whatever ends the picture: a key, an exception, or a signal, all of which wait()
// reports. One at a time.

#pragma once

#include <signal.h>
#include <termios.h>

#include <chrono>
#include <string>

namespace leakdir::tool {

class LiveTerminal {
 public:
  LiveTerminal();
  ~LiveTerminal();
  LiveTerminal(const LiveTerminal&) = delete;
  LiveTerminal& operator=(const LiveTerminal&) = delete;

  // Shows the lines of `text`, as many and as much of each as there is room for. Only while the terminal is taken.
  void draw(const std::string& text);

  enum class Event { kTime, kResize, kQuit };
  // Waits until the time has come, the size has changed, or the user wants to go: q, Ctrl-C, or a signal that ends
  // programs. Ctrl-Z gives the terminal back until the program goes on.
  Event wait_until(std::chrono::steady_clock::time_point when);

 private:
  void take();
  void give_back();
  bool read_keys();  // says whether one of them means to go
  bool take_signal(Event& event);

  termios settings_before_{};
  bool has_keys_;  // standard input is a terminal
  sigset_t signals_, signals_before_;
  int signal_descriptor_;
};

}  // namespace leakdir::tool
