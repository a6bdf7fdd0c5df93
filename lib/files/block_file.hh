// SPDX-License-Identifier: BSL-1.0
//
// The file of one block: made, with the mark in the block's row that says so, and removed. Files are counted here, for
// `max_files`. Other threads may free the block meanwhile.

#pragma once

#include <cstdint>

#include "record_file.hh"
#include "shared/ledger.hh"
#include "stack/scratch.hh"

namespace leakdir {

// At start, and in a forked child, which has no files yet.
void configure_block_files(std::uint64_t max_files, std::uint64_t max_disk);
std::uint64_t most_block_files();  // max_files
bool is_room_for_files();
bool are_there_files();
std::uint64_t count_block_files();
// The same of the disk alone, for a file that is no block's.
bool has_room_for_another_file(RecordFolder folder);
// The disk may have room again, or none any more: it is asked.
void look_for_room(RecordFolder folder);

enum class FileOutcome {
  kMade,
  kNotNow,   // the block changed meanwhile, or there is no room for more files: worth another try
  kGivenUp,  // it was freed meanwhile
  kFailed,   // the file cannot be made
};
struct MadeFile {
  FileOutcome outcome;
  int error;  // why it failed
};

// Makes the file of a block that was live when `block` was read, and marks the block. `block` comes out as it was
// marked.
MadeFile make_block_file(RecordFolder folder, std::uint32_t row, ledger::Block& block, RecordText& text);

// The file of a block goes, and its place is the caller's: for another one, or to be uncounted. False: the block is not
// as it was, or the file cannot be removed.
bool take_block_file(RecordFolder folder, std::uint32_t row, const ledger::Block& block);
// make_block_file in such a place.
MadeFile make_block_file_in_place(RecordFolder folder, std::uint32_t row, ledger::Block& block, RecordText& text);

// A file that cannot be made or removed: said and counted.
void file_has_failed(int error);

// The file goes. It is no error if somebody has removed it already.
void remove_block_file(RecordFolder folder, std::uint64_t address);
// The same, of a block that is no more. The address may be live again, with a file of its own that was made over this
// one.
void remove_old_block_file(RecordFolder folder, std::uint64_t address);
// Somebody else has removed it.
void uncount_block_file();

}  // namespace leakdir
