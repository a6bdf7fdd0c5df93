// SPDX-License-Identifier: BSL-1.0
//
// See output.hh.

#include "output.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "error.hh"
#include "terminal.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kPieceBytes = 1 << 18;

}  // namespace

Output::Output(const std::string& path)
    : name_(path.empty() ? "standard output" : path),
      descriptor_(path.empty() ? STDOUT_FILENO : open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail();
}

Output::~Output() {
  if (descriptor_ > STDERR_FILENO) close(descriptor_);
}

void Output::fail() const { throw Error(fmt::format("cannot write {}: {}", name_, std::strerror(errno))); }

void Output::write(std::string_view text) {
  waiting_ += text;
  if (waiting_.size() >= kPieceBytes) flush();
}

void Output::flush() {
  for (std::size_t done = 0; done < waiting_.size();) {
    ssize_t wrote = ::write(descriptor_, waiting_.data() + done, waiting_.size() - done);
    if (wrote >= 0) {
      done += static_cast<std::size_t>(wrote);
    } else if (errno != EINTR) {
      fail();
    }
  }
  waiting_.clear();
}

void Output::finish() {
  flush();
  if (descriptor_ <= STDERR_FILENO) return;
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (close(descriptor) != 0) fail();  // some file systems say only now that there was no room
}

bool wants_colour(const std::string& when, const std::string& path) {
  if (when != "auto") return when == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return path.empty() && isatty(STDOUT_FILENO) && (no_color == nullptr || *no_color == '\0') && terminal != nullptr &&
         std::strcmp(terminal, "dumb") != 0;
}

std::size_t columns_for(const std::string& path) {
  return path.empty() && isatty(STDOUT_FILENO) ? terminal_size(STDOUT_FILENO).columns : 0;
}

}  // namespace leakdir::tool
