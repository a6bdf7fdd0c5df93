// SPDX-License-Identifier: BSL-1.0
//
// What the runtime of a language keeps for itself until the program ends: tables, the buffers of its streams, what it
// sets up before the program begins. It is no leak of the program's, and nobody can free it.
//
// A stack is the runtime's when it lies inside it up to a function that is known to keep what it allocates, or up to
// the loader that calls a library's constructor. What the program calls and has to free is never taken: between the
// call and such a function there may be no frame but the runtime's and libc's.

#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "group.hh"
#include "load/snapshot.hh"
#include "stack_lines.hh"

namespace leakdir::tool {

struct Runtime;

class Runtimes {
 public:
  // The name of the runtime that keeps what was allocated through this stack; empty: none does.
  std::string_view keeper_of(const StackLines& stack, bool is_truncated);

 private:
  // What a line is.
  struct About {
    const Runtime* runtime = nullptr;
    bool by_name = false;      // that it is the runtime's, its name alone says
    bool keeps = false;        // what is allocated below it is the runtime's
    bool runs_others = false;  // what is allocated below it is not
    bool is_libc = false;      // says nothing: libc, the C++ runtime
    bool may_be_rust = false;  // by its crate, of which C++ may have a namespace
  };

  const About& about(const StackLine& at);

  std::unordered_map<std::uint64_t, About> known_;  // by StackLine::id
};

// Takes such groups out of `grouped` and out of its totals, and counts them in Grouped::runtimes. `lines` must know
// every frame of every group.
void leave_out_runtimes(const Snapshot& snapshot, const FrameLines& lines, Grouped& grouped);

}  // namespace leakdir::tool
