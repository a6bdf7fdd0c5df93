// SPDX-License-Identifier: BSL-1.0
//
// What the row of a new block says of it, put together.

#pragma once

#include <cstddef>
#include <cstdint>

#include "ledger/row.hh"
#include "shared/ledger.hh"
#include "stack/stack.hh"
#include "system/base.hh"
#include "threads.hh"

namespace leakdir {

// Of a size that fits in the row, or has been put in front of the stack.
[[gnu::always_inline]] inline NewBlock new_block(std::uint64_t address, std::size_t size, Captured captured,
                                                 Birth birth) {
  return {address, captured.call_and_flags(), captured.word() << ledger::kStackShift | birth.word1,
          birth.word2 | (size & ledger::kMostSizeInRow)};
}

}  // namespace leakdir
