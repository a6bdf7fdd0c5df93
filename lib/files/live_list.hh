// SPDX-License-Identifier: BSL-1.0
//
// The live blocks as the program is told of them: counted, or one by one (leakdir/leakdir.h, and the line at exit).

#pragma once

#include <cstdint>

#include "shared/ledger.hh"
#include "system/base.hh"

struct leakdir_block;

namespace leakdir {

// Whether a block with these flags is among what the user asked to see: not libc's own, not ignored, and not a
// parent's, which lists it itself.
bool is_libc_listed();
inline bool may_be_unlisted(unsigned flags) {
  return (flags & (ledger::kFlagIgnored | ledger::kFlagInherited | ledger::kFlagLibc)) != 0;
}
inline bool is_listed(unsigned flags) {
  if (LEAKDIR_LIKELY(!may_be_unlisted(flags))) return true;
  return (flags & (ledger::kFlagIgnored | ledger::kFlagInherited)) == 0 && is_libc_listed();
}

// Listed blocks with a sequence number above `since_sequence`, as they are now.
struct LiveTotals {
  std::uint64_t blocks, bytes, without_file;
  std::uint64_t lost_blocks, lost_bytes, lost_without_file;  // as far as somebody looked
  std::uint64_t blocks_of_kind[ledger::kReaches];            // by ledger::Reach
};
LiveTotals count_live(std::uint64_t since_sequence);

// A forked child that ends like this has nothing to show: no block of its own, and nothing that went wrong.
bool has_nothing_to_show();

// The same blocks one by one, those after `upto_sequence` left out. `visit` is the program's, and may do what it likes.
using VisitLive = void(const leakdir_block* block, void* context);
void for_each_live(std::uint64_t since_sequence, std::uint64_t upto_sequence, VisitLive* visit, void* context);

}  // namespace leakdir
