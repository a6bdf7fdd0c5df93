// SPDX-License-Identifier: BSL-1.0
//
// The record directory: found and claimed at start, and in a forked child. The only part that knows its path.
//
// Claiming needs a few KiB of stack. No descriptor is held afterwards.

#pragma once

#include <cstddef>
#include <cstdint>

#include "shared/options.hh"

namespace leakdir {

// Finds the directory that `options.dir` means (%p, %e, %%; absolute from now on), makes it if need be, moves what an
// earlier run left in it to previous/, and takes DIR/<pid>/ instead where a live process owns it. Then makes the ledger
// in it. False, after saying why, when nothing can be recorded.
bool claim_record_dir(const Options& options, const char* program);

// DIR/<pid>/ for a forked child, below the directory that the first process claimed.
bool claim_child_dir();

// Where forked children have their directories; absolute.
const char* base_dir();

// A forked child's directory goes, with the ledger: for one that has nothing to show. Nothing else may lie in it.
// `folder`: it, open.
bool remove_child_dir(int folder);

// Whether the process has changed its root directory since the first one claimed (chroot): a path leads elsewhere now.
bool root_is_another();

// Absolute; where records lie. "" before it was claimed.
const char* record_dir();

// As the user wrote it, for messages.
const char* record_dir_shown();

// Whether its path leads to it, whatever other users do. If not, it must be opened each time.
bool record_dir_is_firm();

// Opens the directory, if its path still leads to it (not after chroot, for instance). Negative errno if not.
int open_record_dir();

}  // namespace leakdir
