// SPDX-License-Identifier: BSL-1.0
//
// What a root is called for people: the variable that lies there, in which frame of whose stack it is, whose
// thread-local data, which register.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "holders.hh"
#include "load/snapshot.hh"
#include "symbols/symbols.hh"
#include "symbols/thread_frames.hh"

namespace leakdir::tool {

struct RootName {
  std::string name;      // "session_cache (server.c:41)"
  std::uint64_t offset;  // from where what is named begins
};

class RootNames {
 public:
  RootNames(const Snapshot& snapshot, const Holders& holders, Symbols& symbols)
      : snapshot_(snapshot), holders_(holders), symbols_(symbols) {}

  // `block` is what the pointer there leads to.
  RootName of(std::uint64_t location, std::uint32_t block) const;

 private:
  std::string thread(std::size_t number) const;
  RootName on_stack(std::size_t thread, std::uint64_t location) const;
  const std::vector<ThreadFrame>& frames(std::size_t thread) const;
  // `variable` without a name: which it is is not known.
  RootName thread_local_variable(const Variable& variable, const Module& module, std::size_t thread,
                                 std::uint64_t offset) const;
  RootName in_module(const Module& module, std::uint64_t location) const;

  const Snapshot& snapshot_;
  const Holders& holders_;
  Symbols& symbols_;
  mutable std::map<std::size_t, std::vector<ThreadFrame>> frames_;  // of threads that were asked for
};

// "server.c:41", without directories.
std::string place_of(const std::string& file, unsigned line);

}  // namespace leakdir::tool
