// SPDX-License-Identifier: BSL-1.0
//
// Blocks from before start-up: what libc's own start and the dynamic loader allocate waits in a table of fixed size
// until there is a ledger, and is put there as libc's own.

#pragma once

#include <cstddef>

#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

void note_early_block(const void* block, std::size_t size, ledger::Call call, Caller caller);
void forget_early_block(const void* block);

// Puts what is noted into the ledger. At start.
void import_early_blocks();

}  // namespace leakdir
