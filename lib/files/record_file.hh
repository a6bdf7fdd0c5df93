// SPDX-License-Identifier: BSL-1.0
//
// One record file: made and removed.
//
// It appears by one open (O_EXCL, never through a symbolic link, mode 0600), one write and one close, whole or not at
// all; it goes by one unlink. No descriptor is held between calls, unless the caller holds one (the helper thread,
// whose table of descriptors is its own). Little stack, any thread, signal handlers.

#pragma once

#include <cstddef>
#include <cstdint>

namespace leakdir {

// Where to write: a descriptor of the directory, or none (then every call walks the absolute path).
struct RecordFolder {
  static constexpr int kNone = -1;
  int descriptor = kNone;
};

// 0 or a negative errno.
int create_record(RecordFolder folder, std::uint64_t address, const char* suffix, const char* text, std::size_t bytes);
// Writes another text over that of a record which is there. It may not be shorter.
int rewrite_record(RecordFolder folder, std::uint64_t address, const char* suffix, const char* text, std::size_t bytes);
int remove_record(RecordFolder folder, std::uint64_t address, const char* suffix);

}  // namespace leakdir
