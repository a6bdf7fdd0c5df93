// SPDX-License-Identifier: BSL-1.0
//
// What the tool asks of a terminal.

#pragma once

namespace leakdir::tool {

struct TerminalSize {
  unsigned columns, lines;
};

// 80 by 24 where the terminal does not say.
TerminalSize terminal_size(int descriptor);

}  // namespace leakdir::tool
