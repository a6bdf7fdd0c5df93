// SPDX-License-Identifier: BSL-1.0
//
// The question that the tool asks about an address: which function, which line? symbols_dwfl.cc answers it from the
// files of the program, tests answer it themselves. Commands ask through symbolise(), which asks once per frame.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "load/snapshot.hh"

namespace leakdir::tool {

// A global or static variable.
struct Variable {
  std::string name;
  std::string file;  // empty: not known
  unsigned line = 0;
  std::uint64_t start = 0,
                bytes = 0;  // a link-time address; of a thread-local one the offset among those of its module
};

class Symbols {
 public:
  virtual ~Symbols() = default;
  // What stands at `offset` of the module's file (a link-time address), innermost inlined function first. Empty when
  // nothing is known.
  virtual std::vector<SourceLine> lookup(const Module& module, std::uint64_t offset) = 0;
  // The variable that lies at a link-time address; empty name: none is known.
  virtual Variable variable_at(const Module&, std::uint64_t) { return {}; }
  // The thread-local variable that lies at an offset from the beginning of those of its module; or, `before_end`, so
  // many bytes before the end of them.
  virtual Variable thread_local_at(const Module&, std::uint64_t) { return {}; }
  virtual Variable thread_local_before_end(const Module&, std::uint64_t) { return {}; }
  // The module's file on this machine; empty: it is not here, or it is not the right one.
  virtual std::string file_of(const Module&) { return {}; }
  // Files that were not there or not the right ones, one sentence each.
  virtual std::vector<std::string> warnings() const { return {}; }
  // Files that have debug information, of a kind that is not understood here: by their paths as modules.
  virtual std::vector<std::string> unreadable() const { return {}; }
};

struct SymbolOptions {
  std::string program;                   // in place of the path that the program had
  std::string sysroot;                   // put before the paths that modules had
  std::vector<std::string> debug_paths;  // debug files, and directories that have them
  std::set<std::string>
      build_ids;  // of all that ran: a debug file of one of these may be given, though no frame is asked for
  bool asks_debuginfod = false;  // fetch what is not here from the servers of DEBUGINFOD_URLS
};

// `started_ns`: when the process started, to tell a file without build-id that was built since.
std::unique_ptr<Symbols> make_dwfl_symbols(const SymbolOptions& options, std::int64_t started_ns);

// The same for what ran in the snapshot.
std::unique_ptr<Symbols> make_dwfl_symbols(SymbolOptions options, const Snapshot& snapshot);
void add_build_ids(const Snapshot& snapshot, SymbolOptions& options);

// For each of Snapshot::frames that one of `stacks` uses, what stands there; empty for the others. A frame's return
// address is looked up one byte earlier, as it may be the first byte of the next line, or of the next function; one
// that no call returns to is looked up as it is. What the snapshot brings itself is not looked up. `progress` is told,
// from time to time, how many of the stacks are done.
FrameLines symbolise(const Snapshot& snapshot, const std::vector<std::uint32_t>& stacks, Symbols& symbols,
                     const std::function<void(std::size_t)>& progress = {});

}  // namespace leakdir::tool
