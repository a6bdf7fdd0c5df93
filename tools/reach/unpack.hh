// SPDX-License-Identifier: BSL-1.0
//
// A file that may be compressed, as systemd-coredump does it (zstd, or lz4 in its frame format), opened for reading.

#pragma once

#include <string>

namespace leakdir::tool {

struct OpenedFile {
  int descriptor = -1;  // the caller closes it
  bool is_cut = false;  // the compressed file ends too early: what there is of it is here
};

// Throws Error, naming the path. What was compressed is unpacked into a file without a name, in TMPDIR or /var/tmp.
OpenedFile open_unpacked(const std::string& path);

}  // namespace leakdir::tool
