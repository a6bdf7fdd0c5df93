// SPDX-License-Identifier: BSL-1.0
//
// A directory's record files into a Snapshot, for when they are all that there is: copied off a device without the
// ledger. What a record does not tell (state, pid, calls seen, build-ids of libraries) stays unknown.

#pragma once

#include <string>
#include <vector>

#include "parse_record.hh"
#include "snapshot.hh"

namespace leakdir::tool {

// Pure: what the records say, taken together.
Snapshot snapshot_of_records(const std::vector<ParsedRecord>& records);

// Reads the 0x….mem and 0x….badfree files of `directory`. Files that are no records are passed over with a warning.
Snapshot load_records(const std::string& directory);

// Whether `name` is that of a record file: "0x", hexadecimal digits, `suffix`.
bool is_record_name(const std::string& name, const std::string& suffix);

}  // namespace leakdir::tool
