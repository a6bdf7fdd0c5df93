// SPDX-License-Identifier: BSL-1.0
#include "tmux.hh"

#include <unistd.h>

#include <stdexcept>

#include "run_program.hh"

namespace leakdir_test {

Tmux::Tmux(const std::string& command, const std::string& directory, int columns, int lines) {
  tmux({"new-session", "-d", "-x", std::to_string(columns), "-y", std::to_string(lines), "-c", directory, command});
  tmux({"set-option", "-g", "status", "off"});
  resize(columns, lines);
}

Tmux::~Tmux() { tmux({"kill-server"}); }

std::string Tmux::tmux(std::vector<std::string> arguments) const {
  std::vector<std::string> argv = {"tmux", "-f", "/dev/null", "-S", scratch_ / "socket"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const Outcome outcome = run({argv, "", {{"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"}}, "", 60});
  if (!outcome.exited_with(0)) throw std::runtime_error("tmux " + arguments[0] + ": " + outcome.describe());
  return outcome.out;
}

std::string Tmux::text() const { return tmux({"capture-pane", "-p"}); }
std::vector<std::string> Tmux::screen() const { return lines_of(text()); }

bool Tmux::shows(const std::string& wanted) const {
  for (int i = 0; i < 3000; ++i) {
    if (text().find(wanted) != std::string::npos) return true;
    usleep(10000);
  }
  return false;
}

void Tmux::press(const std::string& key) const { tmux({"send-keys", key}); }
void Tmux::resize(int columns, int lines) const {
  tmux({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(lines)});
}
std::string Tmux::knows(const std::string& variable) const {
  const std::string text = tmux({"display-message", "-p", "#{" + variable + "}"});
  return text.substr(0, text.find('\n'));
}

}  // namespace leakdir_test
