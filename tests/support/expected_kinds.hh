// SPDX-License-Identifier: BSL-1.0
//
// Which kind each block is of, lost or held: as targets/lost_and_held.c says, and as the tool does.

#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "json.hh"

namespace leakdir_test {

using Kinds = std::multiset<std::pair<std::string, std::uint64_t>>;  // "definite" …, and the size

// The lines "expect kind=definite size=1001" of its output; without what is freed or ignored.
Kinds expected_kinds(const std::string& output);

// Of `leakdir report --format json`.
Kinds kinds_in(const nlohmann::json& report);

// Of the records in a directory, by the same words.
Kinds kinds_in_records(const std::string& directory);

// What the line at exit says of them, after the directory: " (2 definitely lost, 1 still reachable)"; empty where
// nobody has looked. `more` is what it goes on with inside the parentheses.
std::string kinds_at_exit(const Kinds& kinds, const std::string& more = "");
// The same of the blocks that `leakdir report` tells of in a directory.
std::string kinds_at_exit(const std::string& directory, const std::string& more = "");

}  // namespace leakdir_test
