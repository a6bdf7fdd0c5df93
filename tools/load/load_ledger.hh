// SPDX-License-Identifier: BSL-1.0
//
// A ledger, of a process that is running, has ended or was killed, into a Snapshot. It never trusts the file: what is
// damaged is passed over with a warning, and a file that is no ledger of this version is an Error with one sentence.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "bytes.hh"
#include "ledger.hh"
#include "snapshot.hh"

namespace leakdir::tool {

// What the loader asks of the world outside the file.
struct LedgerSurroundings {
  std::function<bool(const ledger::Header&)> is_running;
  // The program that it became by exec, and runs still; empty: none.
  std::function<std::string(const ledger::Header&)> went_on_as = [](const ledger::Header&) { return std::string(); };
  std::function<bool(const ledger::Header&)> is_of_this_boot = [](const ledger::Header&) { return true; };
  std::int64_t now_ns = 0;
  bool wants_blocks_of_running = true;
};

Snapshot load_ledger(const Bytes& bytes, const std::string& name, const LedgerSurroundings& surroundings);

// Which blocks are wanted: those of a running process may be read later, when it stands still (reach/live_process.hh).
enum class BlocksWanted { kAll, kNoneOfRunning };

// The file at `path`, of this machine.
Snapshot load_ledger_file(const std::string& path, BlocksWanted wanted = BlocksWanted::kAll);

}  // namespace leakdir::tool
