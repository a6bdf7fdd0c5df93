// SPDX-License-Identifier: BSL-1.0
//
// Files are read by pread, without a link being followed where the user did not name them.

#include "bytes.hh"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hh"

namespace leakdir::tool {

std::size_t MemoryBytes::read(std::uint64_t offset, void* to, std::size_t count) const {
  if (offset >= bytes_.size() || count == 0) return 0;
  count = std::min<std::uint64_t>(count, bytes_.size() - offset);
  std::memcpy(to, bytes_.data() + offset, count);
  return count;
}

FileBytes::FileBytes(const std::string& path, Links links)
    // O_NONBLOCK: a pipe that somebody put there must not hang us.
    : FileBytes(open(path.c_str(),
                     O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (links == Links::kRefused ? O_NOFOLLOW : 0)),
                path) {}

FileBytes::FileBytes(int descriptor, const std::string& path) : descriptor_(descriptor) {
  if (descriptor_ < 0 && errno == ELOOP) throw Error(fmt::format("{} is a symbolic link, which no leakdir made", path));
  if (descriptor_ < 0) throw Error(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  struct stat status;
  if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor_);
    throw Error(fmt::format("{} is not a regular file", path));
  }
}

FileBytes::~FileBytes() { close(descriptor_); }

std::uint64_t FileBytes::size() const {
  struct stat status;
  return fstat(descriptor_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::size_t FileBytes::read(std::uint64_t offset, void* to, std::size_t count) const {
  std::size_t done = 0;
  while (done < count) {
    ssize_t got = pread(descriptor_, static_cast<char*>(to) + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // the end; or a bad disk, which the caller sees as a file cut short
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::uint64_t FileBytes::next_data(std::uint64_t offset) const {
  off_t at = lseek(descriptor_, static_cast<off_t>(offset), SEEK_DATA);
  if (at >= 0) return static_cast<std::uint64_t>(at);
  return errno == ENXIO ? std::max(offset, size()) : offset;  // ENXIO: nothing but holes from here on
}

std::string read_text(const std::string& path, std::size_t limit) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  char piece[1 << 16];
  ssize_t got = descriptor < 0 ? -1 : 0;
  while (descriptor >= 0 && text.size() <= limit) {
    got = ::read(descriptor, piece, sizeof piece);
    if (got > 0)
      text.append(piece, static_cast<std::size_t>(got));
    else if (got == 0 || errno != EINTR)
      break;
  }
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (got < 0) throw Error(fmt::format("cannot read {}: {}", path, std::strerror(error)));
  if (text.size() > limit) throw Error(fmt::format("{} is longer than {} bytes", path, limit));
  return text;
}

}  // namespace leakdir::tool
