// SPDX-License-Identifier: BSL-1.0
//
// A ledger, of a process that is running, has ended or was killed, into a Snapshot. It never trusts the file: what is
// damaged is passed over with a warning, and a file that is no ledger of this version is an Error with one sentence.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bytes.hh"
#include "ledger.hh"
#include "ledger_reader.hh"
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
  bool stands_still = false;  // while its blocks are read
};

Snapshot load_ledger(const Bytes& bytes, const std::string& name, const LedgerSurroundings& surroundings);

// The same in two steps, for a process that stands still during the first: what changes all the time is read then. What
// that refers to stays as it is, and is read when the process goes on.
class LedgerLoad {
 public:
  // Keeps references to the bytes and the surroundings.
  LedgerLoad(const Bytes& bytes, const std::string& name, const LedgerSurroundings& surroundings);
  ~LedgerLoad();
  LedgerLoad(const LedgerLoad&) = delete;
  LedgerLoad& operator=(const LedgerLoad&) = delete;

  // Memory for as many blocks as there are now, before the process has to stand still for it.
  void make_room();
  void read_blocks();
  // As it was when the blocks had been read; before that, when the ledger was opened.
  const LedgerReader& reader() const;
  // Those that the snapshot will have.
  const std::vector<Block>& blocks() const;

  Snapshot finish();

 private:
  class Loader;
  std::unique_ptr<Loader> loader_;
};

// Which blocks are wanted: those of a running process may be read later, when it stands still (reach/live_process.hh).
enum class BlocksWanted { kAll, kNoneOfRunning };

// The file at `path`, of this machine.
Snapshot load_ledger_file(const std::string& path, BlocksWanted wanted = BlocksWanted::kAll);

}  // namespace leakdir::tool
