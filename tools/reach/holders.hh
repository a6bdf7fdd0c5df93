// SPDX-License-Identifier: BSL-1.0
//
// Who holds whom, as a search has found it: plain data. Blocks are numbered as Snapshot::blocks.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "load/snapshot.hh"
#include "reach_maps.hh"
#include "still_process.hh"

namespace leakdir::tool {

// A pointer lies at `location` in `block`; in none (kNone): in a root, or nobody holds it.
struct Holder {
  std::uint32_t block = kNone;
  std::uint64_t location = 0;
};

// Thread-local data of a library that came by dlopen lie in a block, which is libc's: what they hold is held by the
// variable there, a root, and not by that block.
struct Holders {
  bool wants_pointers = false;  // all of them, and not only who was found first

  std::vector<Holder> of;  // for each block, the first that was found, which is nearest to a root

  struct Root {
    std::uint32_t block;
    std::uint64_t location;
  };
  std::vector<Root> roots;  // each pointer that lies in a root
  struct Pointer {
    std::uint32_t from, to;
  };
  std::vector<Pointer> pointers;  // each that lies in a block that is held

  std::vector<StillThread> threads;
  std::vector<reach::Stretch> stacks;  // of each of them; empty where it is not known
  struct StackCopy {
    std::uint64_t start = 0;
    std::string bytes;
  };
  std::vector<StackCopy> stack_copies;  // what was in use of each, from its stack pointer on, or the first part of it
  unsigned machine = 0, pointer_bytes = 8;
  std::vector<reach::Mapping> mappings;
  std::vector<ThreadLocals> thread_locals;  // sorted by address
};

// A register has a location, too, at which no memory is.
inline constexpr std::uint64_t kRegisterBit = std::uint64_t{1} << 63;
inline constexpr std::size_t kWideRegister = 0xff;
constexpr std::uint64_t register_location(std::size_t thread, std::size_t number) {
  return kRegisterBit | std::uint64_t{thread} << 8 | number;
}

}  // namespace leakdir::tool
