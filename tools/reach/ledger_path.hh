// SPDX-License-Identifier: BSL-1.0
//
// Where the ledger of a snapshot is that was read from one.

#pragma once

#include <filesystem>
#include <string>

#include "ledger.hh"
#include "load/snapshot.hh"

namespace leakdir::tool {

inline std::string ledger_of(const Snapshot& snapshot) {
  const std::filesystem::path path = snapshot.directory;
  return path.filename() == ledger::kFileName ? path.string() : (path / ledger::kFileName).string();
}

}  // namespace leakdir::tool
