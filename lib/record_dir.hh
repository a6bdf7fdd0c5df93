// SPDX-License-Identifier: BSL-1.0
//
// The record directory: found and claimed at start, and the files in it made and removed. The only place that knows it.
//
// A record file appears by one open (O_EXCL, never through a symbolic link, mode 0600), one write and one close; it goes
// by one unlink. No descriptor is held between calls, unless the caller holds one (the helper thread, whose table of
// descriptors is its own). Claiming needs a few KiB of stack and happens at start, and in a forked child.

#pragma once

#include <cstddef>
#include <cstdint>

#include "options.hh"

namespace leakdir {

// Finds the directory that `options.dir` means (%p, %e, absolute from now on), makes it if need be, moves what an earlier
// run left in it to previous/, and takes DIR/<pid>/ instead where a live process owns it. Then makes the ledger in it.
// False, after saying why, when nothing can be recorded.
bool claim_record_dir(const Options& options, const char* program);

// DIR/<pid>/ for a forked child, below the directory that the first process claimed.
bool claim_child_dir();

// Absolute; where records lie. "" before it was claimed.
const char* record_dir();

// As the user wrote it, for messages.
const char* record_dir_shown();

// Where to write: a descriptor of the directory, or none (then every call walks the absolute path).
struct RecordFolder {
  static constexpr int kNone = -1;
  int descriptor = kNone;
};

// Opens the directory, if its path still leads to it (not after chroot, for instance). Negative errno if not.
int open_record_dir();

// 0 or a negative errno.
int create_record(RecordFolder folder, std::uint64_t address, const char* suffix, const char* text, std::size_t bytes);
int remove_record(RecordFolder folder, std::uint64_t address, const char* suffix);

}  // namespace leakdir
