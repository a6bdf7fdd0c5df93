// SPDX-License-Identifier: BSL-1.0
//
// From the ledger in memory to the text of a record (record.hh). Reads only; no allocation, any thread.

#pragma once

#include "ledger.hh"
#include "text.hh"

namespace leakdir {

void render_block(Text& out, const ledger::Block& block);
void render_bad_free(Text& out, const ledger::BadFree& bad);

// Is it among what the user asked to see? (Not libc's own, not ignored.)
bool is_listed(unsigned flags);

}  // namespace leakdir
