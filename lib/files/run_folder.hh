// SPDX-License-Identifier: BSL-1.0
//
// A directory that a process has recorded into, seen from outside: what in it is leakdir's, whose it is, and how it
// goes. Everything else in it is somebody's and is left alone. Needs some KiB of stack.

#pragma once

#include <fcntl.h>

#include <cstdint>

#include "shared/ledger.hh"
#include "system/sys.hh"

namespace leakdir {

bool is_record_name(const char* name);
bool is_process_name(const char* name);  // of DIR/<pid>/

// Whether this is the header of a ledger of ours.
bool is_ledger(const ledger::Header& header);

// The ledger's header in `folder` (a descriptor), as soon as its owner is known; false if there is no ledger or it is
// none of ours.
bool read_header(int folder, ledger::Header* into);

// The beginning of a file in `folder`, never through a link; as read() answers.
long read_beginning(int folder, const char* name, void* into, std::size_t bytes);

// Whether `name` in `folder` is the lost/ of a run (lost_dir.hh).
bool is_lost_dir(int folder, const char* name);

// Removes the record files, lost/ and the ledger in `folder`.
void remove_run(int folder);
// DIR/<pid>/ with all that its process has left.
void remove_process_dir(int folder, const char* name);

// Directory entries as the kernel lists them (getdents64).
struct FolderEntry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t bytes;
  std::uint8_t type;
  char name[1];
};

// Calls visit(name) for every name in `folder`, until a whole round has visited nothing that it acted on.
template <typename Visit>
void for_each_name(int folder, Visit visit) {
  alignas(8) char buffer[1024];
  constexpr unsigned kRounds = 4;  // names may be listed late while others are renamed away
  for (unsigned round = 0; round < kRounds; ++round) {
    bool acted = false;
    const int listing = sys::open_at(folder, ".", O_RDONLY | O_DIRECTORY);
    if (listing < 0) return;
    for (long got; (got = sys::list(listing, buffer, sizeof buffer)) > 0;) {
      for (long at = 0; at < got;) {
        const auto* entry = reinterpret_cast<const FolderEntry*>(buffer + at);
        at += entry->bytes;
        if (visit(entry->name)) acted = true;
      }
    }
    sys::close(listing);
    if (!acted) return;
  }
}

}  // namespace leakdir
