// SPDX-License-Identifier: BSL-1.0
//
// Decides when a live block becomes a file, and when the file goes: at once (sync), when the block has lived for a
// while (behind), at the end (exit), or never. After the end of a program everything is at once, whatever the mode was,
// so that what late destructors free has no file left.
//
// In `behind` a helper thread looks at what became live since it last looked (look.hh). It is made when there is
// something to write; where none can be had the hooks do its work now and then (helper.hh).

#pragma once

#include <cstdint>

#include "ledger/free_rows.hh"
#include "ledger/live_table.hh"
#include "shared/options.hh"
#include "system/guard.hh"

namespace leakdir {

void configure_writer(const Options& options);

// A listed block has just become live.
void block_became_live(std::uint32_t row, ThreadState& thread, const ReentryGuard&);

// A block was taken out of the live table: its file goes, now or soon, and its row may be used again.
void block_is_gone(const TakenBlock& block, FreeRows* free_rows);

// The same for a block that is about to be resized: in sync mode its file goes first, because the address may be
// somebody else's before realloc returns. Returns the block without the mark if so.
TakenBlock block_is_set_aside(TakenBlock block);

// A bad free has a file at once, unless none are to be made.
bool may_make_bad_free_file();

// Makes the files be what the ledger says, of all live blocks. Also the last look at exit. A negative errno when the
// directory is not to be reached; then nothing was done.
int write_all_records();

// The same at exit, when it is known which blocks are lost: DIR/lost/ too (lost_dir.hh).
int write_last_records();

// From now on at once.
void write_at_once();

}  // namespace leakdir
