// SPDX-License-Identifier: BSL-1.0
//
// Whether the program has asked how much of a block it may use (malloc_usable_size): whoever looks for lost blocks has
// to know. The ledger says it too. May be called at any time, in any phase.

#pragma once

#include <atomic>

#include "system/base.hh"

namespace leakdir {

LEAKDIR_OURS extern std::atomic<bool> usable_size_asked;

inline bool is_usable_size_asked() { return usable_size_asked.load(std::memory_order_relaxed); }

// Says it, to a ledger that is there and to one that is made later.
void usable_size_is_asked_slow();
inline void usable_size_is_asked() {
  if (LEAKDIR_UNLIKELY(!is_usable_size_asked())) usable_size_is_asked_slow();
}

// To the ledger of this process, which must be its own.
void put_usable_size_asked();

}  // namespace leakdir
