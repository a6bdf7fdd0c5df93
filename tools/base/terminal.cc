// SPDX-License-Identifier: BSL-1.0
#include "terminal.hh"

#include <sys/ioctl.h>

namespace leakdir::tool {

TerminalSize terminal_size(int descriptor) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {80, 24};
  return {size.ws_col, size.ws_row};
}

}  // namespace leakdir::tool
