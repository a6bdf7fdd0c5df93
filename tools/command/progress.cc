// SPDX-License-Identifier: BSL-1.0
#include "progress.hh"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/terminal.hh"

namespace leakdir::tool {

namespace {

constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr char kClearLine[] = "\r\x1b[K";

}  // namespace

std::string progress_line(const std::string& work, std::size_t done, std::size_t all, std::size_t columns) {
  const std::size_t share = all == 0 ? 100 : done * 100 / all;
  std::string line = fmt::format("{} {:3} %", work, share);
  constexpr std::size_t kLeastBar = 10, kFrame = 3;  // a space and two brackets
  if (line.size() + kFrame + kLeastBar > columns) return line.substr(0, columns);
  const std::size_t width = std::min<std::size_t>(columns - line.size() - kFrame, 50), full = width * share / 100;
  return fmt::format("{} [{}{}]", line, std::string(full, '#'), std::string(width - full, ' '));
}

Progress::Progress(std::string work, std::chrono::milliseconds patience)
    : work_(std::move(work)), is_on_terminal_(isatty(STDERR_FILENO) != 0), next_(Clock::now() + patience) {}

Progress::~Progress() {
  if (is_visible_) fmt::print(stderr, kClearLine);
}

void Progress::show(std::size_t done, std::size_t all) {
  if (!is_on_terminal_ || Clock::now() < next_) return;
  // One column is left free: some terminals go to the next line when the last is written.
  fmt::print(stderr, "{}{}", kClearLine, progress_line(work_, done, all, terminal_size(STDERR_FILENO).columns - 1));
  (void)std::fflush(stderr);
  is_visible_ = true;
  next_ = Clock::now() + kInterval;
}

}  // namespace leakdir::tool
