// SPDX-License-Identifier: BSL-1.0
//
// The rows of the block table that no live block has. Each thread keeps some for itself, so that to take one costs no
// exchange with the others. What it has too many of goes to the others in batches, and who runs out takes one of those:
// the rows themselves are not touched by that. Where there is no memory for batches, and from nested calls, they go to
// a list of single rows.

#pragma once

#include <atomic>
#include <cstdint>

#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

// What one thread keeps. All zero: nothing yet. A handler that interrupts the thread in a hook must not touch it.
struct FreeRows {
  static constexpr unsigned kMost = 120;
  static constexpr unsigned kBatch = kMost / 2;
  std::uint32_t epoch;                // what is kept counts in this epoch of the table only
  std::uint32_t count;                // of kept[]
  std::uint32_t fresh, end_of_fresh;  // the part of a page that was never used
  alignas(16) std::uint32_t kept[kMost];
};

// Changes when rows were given back: what threads keep counts no more.
LEAKDIR_OURS extern std::atomic<std::uint32_t> free_rows_epoch;

inline bool is_current(const FreeRows& own) { return own.epoch == free_rows_epoch.load(std::memory_order_relaxed); }

// A row to use; 0 when there is no room. `own` is null in a nested call, and where the thread keeps none.
std::uint32_t take_row_slow(FreeRows* own);
void begin_to_keep_rows(FreeRows& own);
inline void keep_up_free_rows(FreeRows& own) {
  if (LEAKDIR_UNLIKELY(!is_current(own))) begin_to_keep_rows(own);
}
// Of those that are kept, and current; 0 when there is none.
inline std::uint32_t take_kept_row(FreeRows& own) {
  if (LEAKDIR_LIKELY(own.count != 0)) {
    const std::uint32_t row = own.kept[--own.count];
    if (row == 0) __builtin_unreachable();  // so that nobody asks again whether there is one
    return row;
  }
  if (LEAKDIR_LIKELY(own.fresh != own.end_of_fresh)) {
    const std::uint32_t row = own.fresh;
    own.fresh = row + ledger::kBlockWords;
    return row;
  }
  return 0;
}
inline std::uint32_t take_row(FreeRows* own) {
  const std::uint32_t row = own != nullptr && is_current(*own) ? take_kept_row(*own) : 0;
  return LEAKDIR_LIKELY(row != 0) ? row : take_row_slow(own);
}

// A freed row may be used again. keep_row: `own` is current; false, and nothing done, where it cannot be kept as it is.
inline bool keep_row(std::uint32_t row, FreeRows& own) {
  if (LEAKDIR_UNLIKELY(own.count == FreeRows::kMost)) return false;
  own.kept[own.count] = row;
  signal_fence();  // a handler may leave by longjmp in between
  ++own.count;
  return true;
}
void reuse_row_slow(std::uint32_t row, FreeRows* own);
inline void reuse_row(std::uint32_t row, FreeRows* own) {
  if (own != nullptr && LEAKDIR_LIKELY(is_current(*own)) && LEAKDIR_LIKELY(keep_row(row, *own))) return;
  reuse_row_slow(row, own);
}

// Nothing is free any more, whoever has it: at the end, before rows are given back to the file system, and in a forked
// child, whose table begins anew.
void forget_free_rows();

}  // namespace leakdir
