// SPDX-License-Identifier: BSL-1.0
//
// DIR/lost/: the records of the blocks that are lost, and of nothing else. They are the files of DIR under a second
// name, or copies where the file system has no such links. At exit, when each row has its Reach.
//
// Called where there is no other look; allocates nothing.

#pragma once

#include <cstdint>

#include "record_file.hh"

namespace leakdir {

// Records that were made before anybody had looked get the line that says it, and lost blocks have their files first
// (lost_first.hh). `folder` is a descriptor of DIR. Before the rest is written.
void write_kinds_into_records(int folder);

// When all are written: makes lost/, if there is anything for it.
void fill_lost_dir(int folder);

// The block has been freed after all.
void remove_lost_record(std::uint64_t address);

}  // namespace leakdir
