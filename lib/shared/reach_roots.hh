// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, part 6: the roots, which are all memory that the program can use without having it from malloc. What is
// known to be none of the program's is taken out: free chunks and malloc's tables (reach_heap.hh), leakdir's own
// memory, and of each thread's stack what lies beyond its stack pointer.

#pragma once

#include <algorithm>

#include "reach_blocks.hh"
#include "reach_heap.hh"
#include "reach_maps.hh"

namespace leakdir::reach {

// Whether what lies there may hold pointers that the program wrote.
inline bool may_be_root(const Mapping& mapping) {
  if (mapping.has(Mapping::kDevice) || mapping.has(Mapping::kKernel)) return false;
  if (mapping.has(Mapping::kWrite)) return true;  // not readable now: counted as such, when it is tried
  if (!mapping.has(Mapping::kRead) || mapping.has(Mapping::kShared)) return false;
  return !mapping.has(Mapping::kExecute) ||
         !mapping.has(Mapping::kFile);  // no code of a file, but what was made to run
}

// Calls visit(stretch) for all that is leakdir's own, by the table at `table` (ledger::OwnMemory; 0: there is none),
// which is leakdir's own itself. It has no end: what the program has never written of it is empty. `room`:
// kOwnMemoryRoom bytes.
inline constexpr std::size_t kOwnMemoryRoom = 4096;
template <class Source, class Visit>
void for_each_own_memory(Source& source, std::uint64_t table, char* room, Visit visit) {
  if (table == 0) return;
  const Stretch all = {table, table + ledger::kMostOwnMemory * sizeof(ledger::OwnMemory)};
  visit(all);
  for (std::uint64_t at = all.start; at < all.end;) {
    const Stretch used = source.next_used({at, all.end});
    if (used.start >= used.end) return;
    for (at = used.start; at < used.end;) {
      const Piece piece = {at, used.end - at < kOwnMemoryRoom ? used.end - at : kOwnMemoryRoom};
      if (source.read(&piece, 1, room) != piece.bytes) return;
      for (std::uint64_t i = 0; i + sizeof(ledger::OwnMemory) <= piece.bytes; i += sizeof(ledger::OwnMemory)) {
        ledger::OwnMemory own;
        __builtin_memcpy(&own, room + i, sizeof own);
        if (own.start < own.end) visit(Stretch{own.start, own.end});
      }
      at += piece.bytes;
    }
  }
}

// Sorts the holes and joins those that touch.
inline std::size_t put_in_order(Holes& holes) {
  std::sort(holes.begin(), holes.end(), [](const Stretch& a, const Stretch& b) { return a.start < b.start; });
  std::size_t count = 0;
  for (const Stretch& hole : holes) {
    Stretch& last = holes.begin()[count == 0 ? 0 : count - 1];
    if (count != 0 && hole.start <= last.end) {
      last.end = std::max(last.end, hole.end);
    } else {
      holes.begin()[count++] = hole;
    }
  }
  return count;
}

// visit(stretch), for each.
template <class Visit>
void for_each_root(const Mappings& mappings, const BlockTable& table, Holes& holes, Visit visit) {
  const std::size_t hole_count = put_in_order(holes);
  const Stretch* hole = holes.begin();
  const Stretch* const last_hole = hole + hole_count;
  const auto beside_blocks = [&](std::uint64_t at, std::uint64_t end) {
    for (std::uint32_t i = table.first_behind(at); at < end; ++i) {
      const bool is_there = i < table.count() && table[i].address < end;
      const std::uint64_t until = is_there ? table[i].address : end;
      if (until > at) visit(Stretch{at, until});
      at = is_there ? std::max(at, table[i].end()) : end;
    }
  };
  for (std::size_t m = 0; m < mappings.count; ++m) {
    const Mapping& mapping = mappings.first[m];
    if (!may_be_root(mapping)) continue;
    std::uint64_t at = mapping.start;
    while (hole != last_hole && hole->end <= at) ++hole;
    for (const Stretch* h = hole; at < mapping.end; ++h) {
      const bool is_there = h != last_hole && h->start < mapping.end;
      const std::uint64_t until = is_there ? std::max(at, h->start) : mapping.end;
      beside_blocks(at, until);
      at = is_there ? std::max(until, h->end) : mapping.end;
    }
  }
}

}  // namespace leakdir::reach
