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

namespace leakdir::tool {

void write_output(const std::string& path, const std::string& text) {
  const std::string name = path.empty() ? "standard output" : path;
  int descriptor = path.empty() ? STDOUT_FILENO : open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) throw Error(fmt::format("cannot write {}: {}", name, std::strerror(errno)));
  int error = 0;
  for (std::size_t done = 0; done < text.size() && error == 0;) {
    ssize_t wrote = write(descriptor, text.data() + done, text.size() - done);
    if (wrote >= 0)
      done += static_cast<std::size_t>(wrote);
    else if (errno != EINTR)
      error = errno;
  }
  if (!path.empty() && close(descriptor) != 0 && error == 0) error = errno;
  if (error != 0) throw Error(fmt::format("cannot write {}: {}", name, std::strerror(error)));
}

bool wants_colour(const std::string& when, const std::string& path) {
  if (when != "auto") return when == "always";
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return path.empty() && isatty(STDOUT_FILENO) && (no_color == nullptr || *no_color == '\0') && terminal != nullptr &&
         std::strcmp(terminal, "dumb") != 0;
}

}  // namespace leakdir::tool
