// SPDX-License-Identifier: BSL-1.0
//
// Lost or held: the whole search, in a process that stands still. Who stops it, or has its core, gives its memory, its
// mappings, its threads and what its ledger says of its blocks; the search itself is lib/shared/reach_*.hh.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "holders.hh"
#include "ledger.hh"
#include "still_process.hh"

namespace leakdir::tool {

// What is said of each of StillProcess::blocks.
struct Found {
  std::vector<ledger::Reach> kinds;
  std::uint64_t unread_bytes = 0;
  std::vector<std::string> warnings;
};

// `holders`: to be filled, too; null: nobody wants them.
Found search(const StillProcess& process, Holders* holders);

}  // namespace leakdir::tool
