// SPDX-License-Identifier: BSL-1.0
//
// Signals are taken through a descriptor: so nothing is done inside a handler.

#include "live_terminal.hh"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <string_view>

#include "base/error.hh"
#include "base/terminal.hh"
#include "emit/shorten.hh"

namespace leakdir::tool {

namespace {

constexpr char kTake[] = "\x1b[?1049h\x1b[?25l";      // another screen, no cursor
constexpr char kGiveBack[] = "\x1b[?25h\x1b[?1049l";  // the cursor, and the screen as it was
constexpr char kCtrlC = '\x03';

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = write(STDOUT_FILENO, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) throw Error(std::string("cannot write standard output: ") + std::strerror(errno));
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

LiveTerminal::LiveTerminal()
    : has_keys_(tcgetattr(STDIN_FILENO, &settings_before_) == 0),
      signals_(set_of({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH})),
      signal_descriptor_(signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK)) {
  sigprocmask(SIG_BLOCK, &signals_, &signals_before_);
  take();
}

LiveTerminal::~LiveTerminal() {
  give_back();
  if (signal_descriptor_ >= 0) close(signal_descriptor_);
  // A signal that came meanwhile, and was not taken, ends this process now that the terminal is given back.
  sigprocmask(SIG_SETMASK, &signals_before_, nullptr);
}

void LiveTerminal::take() {
  if (has_keys_) {
    termios settings = settings_before_;
    settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    settings.c_cc[VMIN] = 0;
    settings.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &settings);
  }
  write_all(kTake);
}

void LiveTerminal::give_back() {
  try {
    write_all(kGiveBack);
  } catch (const Error&) {
    // The terminal is gone: there is nothing to give back.
  }
  if (has_keys_) tcsetattr(STDIN_FILENO, TCSADRAIN, &settings_before_);
}

// Of this class because the terminal must be taken.
void LiveTerminal::draw(const std::string& text) {  // NOLINT(readability-convert-member-functions-to-static)
  const TerminalSize size = terminal_size(STDOUT_FILENO);
  std::string picture = "\x1b[H";
  std::string_view rest = text;
  for (unsigned line = 0; line < size.lines && !rest.empty(); ++line) {
    const std::string_view whole = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(whole.size() + 1, rest.size()));
    if (line > 0) picture += "\r\n";
    picture += clipped_line(whole, size.columns) + "\x1b[K";
  }
  write_all(picture + "\x1b[J");
}

bool LiveTerminal::read_keys() {
  char keys[64];
  const ssize_t got = read(STDIN_FILENO, keys, sizeof keys);
  if (got <= 0) has_keys_ = false;  // nobody is there any more
  return std::any_of(keys, keys + std::max<ssize_t>(got, 0),
                     [](char key) { return key == 'q' || key == 'Q' || key == kCtrlC; });
}

bool LiveTerminal::take_signal(Event& event) {
  signalfd_siginfo info;
  if (read(signal_descriptor_, &info, sizeof info) != sizeof info) return false;
  event = Event::kQuit;
  if (info.ssi_signo == SIGWINCH) event = Event::kResize;
  if (info.ssi_signo == SIGTSTP) {
    give_back();
    kill(getpid(), SIGSTOP);
    take();
    event = Event::kResize;
  }
  return true;
}

LiveTerminal::Event LiveTerminal::wait_until(std::chrono::steady_clock::time_point when) {
  using std::chrono::milliseconds, std::chrono::steady_clock;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(when - steady_clock::now()).count();
    if (left <= 0) return Event::kTime;
    pollfd events[] = {{signal_descriptor_, POLLIN, 0}, {has_keys_ ? STDIN_FILENO : -1, POLLIN, 0}};
    if (poll(events, 2, static_cast<int>(std::min<long>(left + 1, 1000))) < 0 && errno != EINTR)
      throw Error(std::string("cannot wait for keys: ") + std::strerror(errno));
    Event event;
    if (events[0].revents != 0 && take_signal(event)) return event;
    if (events[1].revents != 0 && read_keys()) return Event::kQuit;
  }
}

}  // namespace leakdir::tool
