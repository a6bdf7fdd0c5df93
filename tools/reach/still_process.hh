// SPDX-License-Identifier: BSL-1.0
//
// A process that stands still, as the search sees it: stopped (live_process.cc), or dead (core_process.cc).

#pragma once

#include <sys/types.h>

#include <vector>

#include "ledger.hh"
#include "load/snapshot.hh"
#include "memory.hh"
#include "reach_maps.hh"
#include "registers.hh"

namespace leakdir::tool {

struct StillThread {
  pid_t tid = 0;
  Registers registers;
  bool is_inside = false;  // one of leakdir's hooks, or malloc below it: it may hold what no row knows
};

// The thread-local data that one module has in one thread.
struct ThreadLocals {
  reach::Stretch at;
  pid_t tid;
  Module module;  // where nothing else is known of it, its path and bias alone
};

struct StillProcess {
  Memory& memory;
  const std::vector<reach::Mapping>& mappings;
  std::vector<StillThread> threads;
  const ledger::Header& header;
  const std::vector<Block>& blocks;
  bool is_older = false;                         // than the ledger: blocks may have been freed since
  bool is_musl = false;                          // its libc
  std::vector<ThreadLocals> thread_locals = {};  // sorted by address; only where it is asked who holds what
};

}  // namespace leakdir::tool
