// SPDX-License-Identifier: BSL-1.0
//
// The blocks that a forked child has from its parent. The index still has them, under their rows in the parent's
// ledger (ledger/inheritance.hh). One that is freed or resized gets a row of our own at that moment; the others get
// theirs when somebody may want to see them: at exit, if the child has anything to show, and when the program speaks of
// one (leakdir_ignore).

#pragma once

#include <cstdint>

namespace leakdir {

// In a forked child, when it has a ledger of its own.
void begin_to_inherit();

// All that are still there get a row. Once. Any thread, the helper too.
void settle_inherited_blocks();

// The node in our own ledger for a stack that may be an ancestor's.
std::uint32_t own_stack(std::uint32_t stack);

}  // namespace leakdir
