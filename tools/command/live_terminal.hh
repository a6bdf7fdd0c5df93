// SPDX-License-Identifier: BSL-1.0
//
// The terminal, taken over for a picture that is drawn again and again: a screen of its own, no cursor, keys without
// Enter. It is given back as it was, whatever ends the picture: a key, an exception, or a signal, all of which wait()
// reports. One at a time. What the terminal can do, and which bytes its keys send, ncurses knows.

#pragma once

#include <signal.h>

#include <chrono>
#include <optional>
#include <string>

#include "key.hh"

namespace leakdir::tool {

class LiveTerminal {
 public:
  // Whether standard output is a terminal that is known and can be drawn on.
  static bool is_there();

  LiveTerminal();
  ~LiveTerminal();
  LiveTerminal(const LiveTerminal&) = delete;
  LiveTerminal& operator=(const LiveTerminal&) = delete;

  // Shows the lines of `text`, as many and as much of each as there is room for. Of escape sequences it may have those
  // of colours, bold, dim and reverse. Only while the terminal is taken.
  void draw(const std::string& text);

  enum class Event { kTime, kResize, kKey };
  // Waits until the time has come, the size has changed, or a key was pressed that means something: it is key() then.
  // Ctrl-C and signals that end programs are Key::kQuit. Ctrl-Z gives the terminal back until the program goes on.
  Event wait_until(std::chrono::steady_clock::time_point when);
  Key key() const { return key_; }

 private:
  bool take_key();
  std::optional<Event> take_signal();

  sigset_t signals_, signals_before_;
  int signal_descriptor_;
  bool has_keys_;  // standard input is a terminal, and somebody is there
  Key key_ = Key::kQuit;
};

}  // namespace leakdir::tool
