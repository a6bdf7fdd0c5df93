// SPDX-License-Identifier: BSL-1.0
//
// What most tests of the tool do with a ledger that they made.

#pragma once

#include <string>

#include "ledger_builder.hh"
#include "load/bytes.hh"
#include "load/load_ledger.hh"

namespace leakdir::tool {

inline Snapshot load_bytes(const std::string& file, bool is_running = false) {
  LedgerSurroundings surroundings;
  surroundings.is_running = [is_running](const ledger::Header&) { return is_running; };
  surroundings.now_ns = LedgerBuilder::kStart + 1'000'000'000'000;
  return load_ledger(MemoryBytes(file), "mem/.ledger", surroundings);
}

inline Snapshot load_built(const LedgerBuilder& ledger, bool is_running = false) {
  return load_bytes(ledger.build(), is_running);
}

}  // namespace leakdir::tool
