// SPDX-License-Identifier: BSL-1.0
//
// The file that `leakdir save` makes: a whole Snapshot, to copy off a device. saved_file.cc is the specification.

#pragma once

#include <string>
#include <string_view>

#include "bytes.hh"
#include "snapshot.hh"

namespace leakdir::tool {

// The file's bytes. Snapshot::saved_ns is when it was made.
std::string saved_bytes(const Snapshot& snapshot);

// Whether the file says of itself that it is one.
bool is_saved_file(const Bytes& bytes);

// Reads such a file. Throws Error, naming `name`, for another version and for anything that saved_bytes() does not
// write: a file is whole and unchanged, or it is refused.
Snapshot load_saved(const Bytes& bytes, const std::string& name);

}  // namespace leakdir::tool
