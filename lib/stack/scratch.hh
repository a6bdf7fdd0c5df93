// SPDX-License-Identifier: BSL-1.0
//
// What a thread needs beside its few words of thread-local data: too much for a small stack or for a static TLS block,
// so it lies apart. threads.cc hands it out; what an ended thread had, a later one takes over as it is. Only the thread
// itself touches it, and never a handler that interrupted it in a hook.

#pragma once

#include <cstddef>
#include <cstdint>

#include "ledger/free_rows.hh"
#include "ledger/leaf_cache.hh"
#include "ledger/periods.hh"
#include "walk/fast_walk.hh"

namespace leakdir {

// The text of a record. What it has in common with the one before it here, the stack above all, is not made again; see
// render.cc.
struct RecordText {
  std::uint32_t stack;       // of the last one
  unsigned flags;            // … and what else its tail depended on
  std::uint32_t tail_bytes;  // 0: there is none
  char text[48 << 10];
};

struct ThreadScratch {
  FreeRows free_rows;  // first: the pointer to it is the one to all
  LeafCache leaves;
  NumberBatch numbers;
  std::uint32_t generation;  // of the process (process.hh) in which it was used last
  std::uint32_t nodes_epoch;
  // Nodes that the thread has met, by parent and by run or return address: to meet one again costs a comparison.
  struct KnownNode {
    std::uint64_t key;  // 0: none
    std::uint32_t parent;
    std::uint32_t node;
  };
  static constexpr unsigned kSetBits = 10, kWays = 2;
  KnownNode known_nodes[kWays << kSetBits];
  static unsigned set_of_node(std::uint32_t parent, std::uint64_t key) {
    const std::uint64_t both = (key ^ std::uint64_t{parent} << 32) * 0x9e3779b97f4a7c15u;
    return static_cast<unsigned>(both >> (64 - kSetBits)) * kWays;
  }
  FastWalkState walk;
  static constexpr unsigned kFrames = 128 + 16;  // the deepest stack, our own frames and operator new
  // Of a walk that is not all runs, frame by frame.
  std::uintptr_t frames[kFrames];
  RecordText record;
};

inline FreeRows* free_rows_of(ThreadScratch* scratch) { return scratch == nullptr ? nullptr : &scratch->free_rows; }

}  // namespace leakdir
