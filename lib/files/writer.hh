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
#include "ledger/row.hh"
#include "live_list.hh"
#include "shared/options.hh"
#include "system/guard.hh"
#include "system/process.hh"
#include "write_mode.hh"

namespace leakdir {

void configure_writer(const Options& options);

// A block has just become live. Nothing is to be done of one that is not listed, and where the helper is awake.
void listed_block_became_live(std::uint32_t row, ThreadState& thread, const ReentryGuard&);
inline void block_became_live(std::uint32_t row, unsigned flags, ThreadState& thread, const ReentryGuard& guard) {
  const ledger::WriteMode mode = write_mode();
  if (mode == ledger::WriteMode::kExit || mode == ledger::WriteMode::kNever) return;
  if (LEAKDIR_UNLIKELY(!is_listed(flags))) return;
  if (LEAKDIR_LIKELY(mode == ledger::WriteMode::kBehind)) {
    hook_barrier();
    if (LEAKDIR_LIKELY(process->helper_idle.load() == 0)) return;
  }
  listed_block_became_live(row, thread, guard);
}

// Whether the call before has anything to do, as far as can be told at once. To be asked when the block is live.
inline bool may_concern_writer(unsigned flags) {
  const ledger::WriteMode mode = write_mode();
  if (mode == ledger::WriteMode::kExit || mode == ledger::WriteMode::kNever) return false;
  if (LEAKDIR_UNLIKELY(mode != ledger::WriteMode::kBehind) || LEAKDIR_UNLIKELY(may_be_unlisted(flags))) return true;
  hook_barrier();
  return LEAKDIR_UNLIKELY(process->helper_idle.load() != 0);
}

// A block was taken out of the live table: its file goes, now or soon, and its row may be used again.
void block_with_file_is_gone(const TakenBlock& block, FreeRows* free_rows);
inline void block_is_gone(const TakenBlock& block, FreeRows* free_rows) {
  if (LEAKDIR_UNLIKELY(has_file(block.was))) return block_with_file_is_gone(block, free_rows);
  reuse_row(block.row, free_rows);
}

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
