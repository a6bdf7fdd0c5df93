// SPDX-License-Identifier: BSL-1.0
//
// Runs a command on a terminal of its own, and keeps what it showed there: for what the tool does only on a terminal.

#pragma once

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace leakdir::tool {

struct Shown {
  std::string text;  // lines end in "\r\n", as the terminal gets them
  int status = -1;   // exit status; -1: it was killed
};

inline Shown run_on_terminal(const std::string& command, unsigned short columns = 80) {
  winsize size = {24, columns, 0, 0};
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) return {};
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  Shown shown;
  char piece[4096];
  // EIO is the end: the child was the last that had the other side open.
  for (ssize_t got; (got = read(terminal, piece, sizeof piece)) > 0;)
    shown.text.append(piece, static_cast<std::size_t>(got));
  int status = 0;
  waitpid(child, &status, 0);
  close(terminal);
  if (WIFEXITED(status)) shown.status = WEXITSTATUS(status);
  return shown;
}

}  // namespace leakdir::tool
