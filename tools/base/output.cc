// SPDX-License-Identifier: BSL-1.0
//
// Writes in large pieces, and through nothing that somebody planted.

#include "output.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "error.hh"
#include "terminal.hh"
#include "words.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kPieceBytes = 1 << 18;

// Somebody may have planted what lies at `path`, so that we write through it: a link of another user's or, in a
// directory where everybody may put files, another user's file or a file with a second name.
bool is_planted(const std::string& path, const struct stat& status) {
  const auto is_anothers = [](const struct stat& of) { return of.st_uid != geteuid() && of.st_uid != 0; };
  if (S_ISLNK(status.st_mode)) return is_anothers(status);
  if (!S_ISREG(status.st_mode)) return false;
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  struct stat above;
  if (stat(directory.empty() ? "." : directory.c_str(), &above) != 0 || (above.st_mode & S_ISVTX) == 0) return false;
  return is_anothers(status) || status.st_nlink != 1;
}

// Throws Error for what is planted. A link that is put there after this check is not followed either.
int open_to_write(const std::string& path) {
  struct stat status;
  const bool is_there = lstat(path.c_str(), &status) == 0;
  if (is_there && is_planted(path, status))
    throw Error(fmt::format("cannot write {}: it is {} of another user's", path,
                            S_ISLNK(status.st_mode) ? "a symbolic link" : "a file, or another name of a file,"));
  const int links = is_there && S_ISLNK(status.st_mode) ? 0 : O_NOFOLLOW;
  return open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | links, 0666);
}

}  // namespace

Output::Output(const std::string& path)
    : name_(path.empty() ? "standard output" : path),
      descriptor_(path.empty()             ? STDOUT_FILENO
                  : path == kStandardError ? STDERR_FILENO
                                           : open_to_write(path)) {
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

void write_whole(const std::string& path, std::string_view bytes, unsigned mode) {
  struct stat status;
  const bool is_there = stat(path.c_str(), &status) == 0;
  if (is_there && S_ISDIR(status.st_mode)) throw Error(fmt::format("cannot write {}: it is a directory", path));
  if (is_there && !S_ISREG(status.st_mode)) {
    Output output(path);
    output.write(bytes);
    output.finish();
    return;
  }
  auto fail = [&] { throw Error(fmt::format("cannot write {}: {}", path, std::strerror(errno))); };
  std::string temporary = path + ".XXXXXX";
  const int descriptor = mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600
  if (descriptor < 0) fail();
  const mode_t mask = umask(0);
  umask(mask);
  bool is_done = fchmod(descriptor, mode & ~mask) == 0;
  for (std::size_t done = 0; is_done && done < bytes.size();) {
    const ssize_t wrote = ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (wrote > 0)
      done += static_cast<std::size_t>(wrote);
    else if (wrote == 0 || errno != EINTR)
      is_done = false;
  }
  int error = errno;
  if (close(descriptor) != 0 && is_done) {
    is_done = false;
    error = errno;
  }
  if (is_done && rename(temporary.c_str(), path.c_str()) == 0) return;
  if (is_done) error = errno;
  unlink(temporary.c_str());
  errno = error;
  fail();
}

void say(std::string_view text) { (void)std::fputs(fmt::format("leakdir: {}\n", printable(text)).c_str(), stderr); }

namespace {

// The descriptor that output goes to; -1: a file.
int standard_descriptor(const std::string& path) {
  return path.empty() ? STDOUT_FILENO : path == kStandardError ? STDERR_FILENO : -1;
}

bool goes_to_terminal(const std::string& path) { return isatty(standard_descriptor(path)) != 0; }

}  // namespace

bool wants_colour(const std::string& when, const std::string& path) {
  if (when != "auto") return when == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return goes_to_terminal(path) && (no_color == nullptr || *no_color == '\0') && terminal != nullptr &&
         std::strcmp(terminal, "dumb") != 0;
}

std::size_t columns_for(const std::string& path) {
  return goes_to_terminal(path) ? terminal_size(standard_descriptor(path)).columns : 0;
}

}  // namespace leakdir::tool
