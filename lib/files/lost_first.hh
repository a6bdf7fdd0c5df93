// SPDX-License-Identifier: BSL-1.0
//
// Where there is not room for the files of all blocks, lost blocks have theirs first: files of others go for them, one
// for one, so that no limit is passed. At exit, when each row has its Reach. Called where there is no other look;
// allocates nothing.

#pragma once

#include "record_file.hh"
#include "stack/scratch.hh"

namespace leakdir {

// As many lost blocks as there may be files have theirs then: one of each stack before the second of any, and among
// these definitely lost ones before others.
void make_files_of_lost_blocks(RecordFolder folder, RecordText& text);

}  // namespace leakdir
