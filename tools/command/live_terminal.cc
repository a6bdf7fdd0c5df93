// SPDX-License-Identifier: BSL-1.0
//
// Signals are taken through a descriptor: so nothing is done inside a handler, also not in those of ncurses.

#include "live_terminal.hh"

// The standard library's and our own names come first: curses.h and term.h make macros of some.
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstring>
#include <initializer_list>
#include <string_view>

#include "base/error.hh"
#include "base/terminal.hh"
#include "emit/shorten.hh"

#define NCURSES_NOMACROS
#include <curses.h>
#include <term.h>
#undef columns
#undef lines

namespace leakdir::tool {

namespace {

constexpr int kCtrlC = 3, kEscape = 27, kRubOut = 127;
constexpr short kRedPair = 1, kYellowPair = 2;

// Keys are read by a window of their own, that is never shown: reading from the one that is would draw it.
WINDOW* key_window() {
  static WINDOW* const window = newpad(1, 1);
  return window;
}

std::optional<Key> meaning_of(int key) {
  switch (key) {
    case 'q':
    case 'Q':
    case kCtrlC:
      return Key::kQuit;
    case 'k':
    case KEY_UP:
      return Key::kUp;
    case 'j':
    case KEY_DOWN:
      return Key::kDown;
    case KEY_PPAGE:
    case 'b':
      return Key::kPageUp;
    case KEY_NPAGE:
    case ' ':
      return Key::kPageDown;
    case KEY_HOME:
    case '<':
      return Key::kFirst;
    case KEY_END:
    case '>':
      return Key::kLast;
    case '\n':
    case '\r':
    case KEY_ENTER:
    case KEY_RIGHT:
      return Key::kOpen;
    case kEscape:
    case kRubOut:
    case KEY_BACKSPACE:
    case KEY_LEFT:
      return Key::kBack;
    case 's':
      return Key::kSort;
    case 'g':
      return Key::kGroup;
    case 'r':
      return Key::kReset;
    case 'h':
    case '?':
      return Key::kHelp;
    default:
      return std::nullopt;
  }
}

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

// What "\x1b[1;31m" says.
chtype attributes_of(std::string_view numbers) {
  chtype attributes = A_NORMAL;
  while (!numbers.empty()) {
    const std::string_view number = numbers.substr(0, numbers.find(';'));
    numbers.remove_prefix(std::min(number.size() + 1, numbers.size()));
    if (number == "1") attributes |= A_BOLD;
    if (number == "2") attributes |= A_DIM;
    if (number == "7") attributes |= A_REVERSE;
    if (number == "31") attributes |= static_cast<chtype>(COLOR_PAIR(kRedPair));
    if (number == "33") attributes |= static_cast<chtype>(COLOR_PAIR(kYellowPair));
  }
  return attributes;
}

void draw_line(int row, std::string_view line) {
  constexpr std::string_view kStart = "\x1b[";
  wmove(stdscr, row, 0);
  wattrset(stdscr, A_NORMAL);
  while (!line.empty()) {
    const std::size_t at = std::min(line.find(kStart), line.size());
    waddnstr(stdscr, line.data(), static_cast<int>(at));
    line.remove_prefix(at);
    if (line.empty()) break;
    const std::size_t end = std::min(line.find('m'), line.size());
    wattrset(stdscr, static_cast<int>(attributes_of(line.substr(kStart.size(), end - kStart.size()))));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
}

bool is_readable(int descriptor) {
  pollfd event = {descriptor, POLLIN, 0};
  return poll(&event, 1, 0) > 0;
}

}  // namespace

bool LiveTerminal::is_there() {
  int problem = 0;
  if (!isatty(STDOUT_FILENO) || setupterm(nullptr, STDOUT_FILENO, &problem) != OK) return false;
  const char* const moves = tigetstr("cup");
  return moves != nullptr && moves != reinterpret_cast<const char*>(-1);
}

LiveTerminal::LiveTerminal()
    : signals_(set_of({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH})),
      signal_descriptor_(signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK)),
      has_keys_(isatty(STDIN_FILENO)) {
  sigprocmask(SIG_BLOCK, &signals_, &signals_before_);
  static_cast<void>(std::setlocale(LC_CTYPE, "C.UTF-8"));  // what is drawn is, whatever the user's is
  if (newterm(nullptr, stdout, stdin) == nullptr) throw Error("this terminal cannot be drawn on");
  cbreak();
  noecho();
  curs_set(0);
  set_escdelay(50);
  if (has_colors()) {
    start_color();
    use_default_colors();
    init_pair(kRedPair, COLOR_RED, -1);
    init_pair(kYellowPair, COLOR_YELLOW, -1);
  }
  keypad(key_window(), TRUE);
  nodelay(key_window(), TRUE);
}

LiveTerminal::~LiveTerminal() {
  endwin();
  if (signal_descriptor_ >= 0) close(signal_descriptor_);
  // A signal that came meanwhile, and was not taken, ends this process now that the terminal is given back.
  sigprocmask(SIG_SETMASK, &signals_before_, nullptr);
}

// Of this class because the terminal must be taken.
void LiveTerminal::draw(const std::string& text) {  // NOLINT(readability-convert-member-functions-to-static)
  const TerminalSize size = terminal_size(STDOUT_FILENO);
  const int rows = static_cast<int>(size.lines), columns = static_cast<int>(size.columns);
  if (is_term_resized(rows, columns)) resizeterm(rows, columns);
  werase(stdscr);
  std::string_view rest = text;
  for (int row = 0; row < rows && !rest.empty(); ++row) {
    const std::string_view whole = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(whole.size() + 1, rest.size()));
    draw_line(row, clipped_line(whole, size.columns));
  }
  wrefresh(stdscr);
}

bool LiveTerminal::take_key() {
  if (!has_keys_) return false;
  for (int key = wgetch(key_window()); key != ERR; key = wgetch(key_window())) {
    const std::optional<Key> meaning = meaning_of(key);
    if (!meaning) continue;
    key_ = *meaning;
    return true;
  }
  return false;
}

std::optional<LiveTerminal::Event> LiveTerminal::take_signal() {
  signalfd_siginfo info;
  if (read(signal_descriptor_, &info, sizeof info) != sizeof info) return std::nullopt;
  if (info.ssi_signo == SIGWINCH) return Event::kResize;
  if (info.ssi_signo == SIGTSTP) {
    endwin();
    kill(getpid(), SIGSTOP);
    return Event::kResize;  // who draws next takes the terminal again
  }
  key_ = Key::kQuit;
  return Event::kKey;
}

LiveTerminal::Event LiveTerminal::wait_until(std::chrono::steady_clock::time_point when) {
  using std::chrono::milliseconds, std::chrono::steady_clock;
  for (;;) {
    if (take_key()) return Event::kKey;
    const auto left = std::chrono::duration_cast<milliseconds>(when - steady_clock::now()).count();
    if (left <= 0) return Event::kTime;
    pollfd events[] = {{signal_descriptor_, POLLIN, 0}, {has_keys_ ? STDIN_FILENO : -1, POLLIN, 0}};
    if (poll(events, 2, static_cast<int>(std::min<long>(left + 1, 1000))) < 0 && errno != EINTR)
      throw Error(std::string("cannot wait for keys: ") + std::strerror(errno));
    if (events[0].revents != 0)
      if (const auto event = take_signal()) return *event;
    if (events[1].revents == 0) continue;
    if (take_key()) return Event::kKey;
    has_keys_ = !is_readable(STDIN_FILENO);  // else what is to be read is the end: nobody is there any more
  }
}

}  // namespace leakdir::tool
