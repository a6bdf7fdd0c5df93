// SPDX-License-Identifier: BSL-1.0
//
// Writes what the object would have written: the record files of the live blocks, those of the bad frees, and lost/,
// where it is known what is lost. For `leakdir recover`; the texts come from lib/shared/record.cc, so they are the
// object's own to the byte.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "snapshot.hh"

namespace leakdir::tool {

struct Recovered {
  std::uint64_t written = 0;
  std::uint64_t kept = 0;        // were there already
  std::uint64_t removed = 0;     // records of blocks that are not live any more
  std::uint64_t over_limit = 0;  // not written because of max_files
  std::uint64_t lost = 0;        // are in lost/, too
  std::vector<std::string> warnings;
};

// The text of the record of one block.
std::string record_text(const Snapshot& snapshot, const Block& block);
std::string bad_free_text(const Snapshot& snapshot, const BadFree& bad_free);

// `directory` need not be the one that the snapshot was loaded from. Files are made with mode 0600 and never through a
// link; a file that is not leakdir's stays, with a warning. Throws Error when a file cannot be written: what was
// written before stays, and none is left half-written. Other records in it are of blocks that are not live any more.
// They are removed; or Error is thrown, and all of them stay. By a damaged ledger nothing is removed or replaced: what
// it does not have it may have lost.
enum class OtherRecords { kRemoved, kRefused };
Recovered recover_records(const Snapshot& snapshot, const std::string& directory, std::uint64_t max_files,
                          OtherRecords others = OtherRecords::kRemoved);

}  // namespace leakdir::tool
