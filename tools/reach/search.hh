// SPDX-License-Identifier: BSL-1.0
//
// Lost or held: the whole search, in a process that stands still. Who stops it, or has its core, gives its memory, its
// mappings, its threads and its ledger; the search itself is lib/shared/reach_*.hh.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "load/bytes.hh"
#include "load/ledger_reader.hh"
#include "memory.hh"
#include "modules_in_memory.hh"
#include "reach_maps.hh"
#include "registers.hh"

namespace leakdir::tool {

struct StillThread {
  pid_t tid = 0;
  Registers registers;
  bool is_inside = false;  // one of leakdir's hooks, or malloc below it: it may hold what no row knows
};

struct StillProcess {
  Memory& memory;
  const std::vector<reach::Mapping>& mappings;
  std::vector<StillThread> threads;
  const LedgerReader& ledger;
};

// Whether a hook is under way in the thread: a return address of leakdir's code lies near the end of its stack.
bool is_inside_hook(const Registers& registers, const HookCode& hooks, Memory& memory, unsigned pointer_bytes);

// What is said of each block: in the order of the ledger's live rows, which is that of Snapshot::blocks.
struct Found {
  std::vector<ledger::Reach> kinds;
  std::uint64_t unread_bytes = 0;
  std::vector<std::string> warnings;
};

Found search(const StillProcess& process);

}  // namespace leakdir::tool
