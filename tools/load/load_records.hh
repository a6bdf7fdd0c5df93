// SPDX-License-Identifier: BSL-1.0
//
// A directory's record files into a Snapshot, for when they are all that there is (copied off a device without the
// ledger), or all that can be read. What a record does not tell (state, pid, calls seen, build-ids of libraries) stays
// unknown. Beside a damaged ledger they tell what that has lost.

#pragma once

#include <string>
#include <vector>

#include "parse_record.hh"
#include "snapshot.hh"

namespace leakdir::tool {

// Pure: what the records say, taken together.
Snapshot snapshot_of_records(const std::vector<ParsedRecord>& records);

// What the records have and the snapshot lacks: blocks and bad frees at other addresses, and, where a row and a record
// are of the same block, what only the record tells of it. Gives how many of the records are new.
std::size_t add_records(const std::vector<ParsedRecord>& records, Snapshot& snapshot);

// The snapshot is that of a damaged ledger in `directory`: its record files are added, and a warning that comes first
// says how many it lacks. Where the process runs they are only counted: what it has freed may have a file still.
void add_records_beside(const std::string& directory, Snapshot& snapshot);

// Reads the 0x….mem and 0x….badfree files of `directory`. Files that are no records are passed over with a warning.
Snapshot load_records(const std::string& directory);

// Whether `name` is that of a record file: "0x", hexadecimal digits, `suffix`.
bool is_record_name(const std::string& name, const std::string& suffix);

}  // namespace leakdir::tool
