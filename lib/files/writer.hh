// SPDX-License-Identifier: BSL-1.0
//
// Decides when a live block becomes a file, and when the file goes: at once (sync), when the block has lived for a
// while (behind), at the end (exit). After the end of a program everything is at once, whatever the mode was, so that
// what late destructors free has no file left.
//
// In `behind` a helper thread looks at what became live since it last looked. It is made when there is something to
// write; where none can be had the hooks do its work now and then. It shares the program's memory but not its
// descriptors, working directory or umask, blocks all signals, and uses no libc and no thread-local data. See
// helper.cc.

#pragma once

#include <cstdint>

#include "ledger/live_table.hh"
#include "shared/options.hh"
#include "system/guard.hh"

struct leakdir_block;

namespace leakdir {

void configure_writer(const Options& options);

// A listed block has just become live; `index` is its record.
void block_became_live(std::uint32_t index, ThreadState& thread, const ReentryGuard&);

// A block was taken out of the live table: its file goes, now or soon, and its record may be used again.
void block_is_gone(const TakenBlock& block, ThreadScratch* scratch);

// The same for a block that is about to be resized: in sync mode its file goes first, because the address may be
// somebody else's before realloc returns. Returns the block without the mark if so.
TakenBlock block_is_set_aside(TakenBlock block);

// Makes the files be what the ledger says, of all live blocks. Also the last look at exit. A negative errno when the
// directory is not to be reached; then nothing was done.
int write_all_records();

// One look: files for what is older than `min_age_ns`, no files for what is gone. `folder_descriptor` as for
// create_record. Returns whether something is left that will be due later. Only one look at a time: true if there is
// one already.
bool look(int folder_descriptor, std::uint64_t min_age_ns, bool everything);

// The look that is under way ends soon, and so do all to come but those at everything: the end of the program waits.
void cut_look_short();

// From now on at once.
void write_at_once();

// Whether the helper is to look at all.
bool is_writing_behind();

// Live and listed blocks as they are now.
struct LiveTotals {
  std::uint64_t blocks, bytes, without_file;
};
LiveTotals count_live(std::uint64_t since_sequence);

// The same blocks one by one, those after `upto_sequence` left out. `visit` is the program's, and may do what it likes.
using VisitLive = void(const leakdir_block* block, void* context);
void for_each_live(std::uint64_t since_sequence, std::uint64_t upto_sequence, VisitLive* visit, void* context);

}  // namespace leakdir
