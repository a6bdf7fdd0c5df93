// SPDX-License-Identifier: BSL-1.0
//
// A look: one pass over the block table, after which each block that is old enough has its file, and what is gone has
// none. The helper looks at intervals (helper.hh), the program at its end and when it asks for it (writer.hh). Callable
// from the helper thread: no errno, no thread-local data.

#pragma once

#include <cstdint>

namespace leakdir {

// At start, and in a forked child, where a look of the parent's helper may have been under way.
void configure_look();

// Files for what is older than `min_age_ns`, no files for what is gone. `folder_descriptor` as for create_record.
// Returns whether something is left that will be due later. Only one look at a time: true if there is one already.
// `everything`: also blocks that no look has to come back to, beyond max_files; and it waits for another look to end.
bool look(int folder_descriptor, std::uint64_t min_age_ns, bool everything);

// The files of what is gone go at once. At exit, before any are made.
void remove_gone_files(int folder_descriptor);

// The look that is under way ends soon, and so do later ones, unless they are at everything: the end of the program
// waits for them.
void cut_look_short();

// For freed rows that must not be used again before the next look: the block's file is still there, and the look
// removes it; or the file was removed while a look was under way, which would take a row in new use for a free that it
// has missed.
void leave_file_to_look(std::uint32_t row);
void reuse_row_after_look(std::uint32_t row);
bool is_looking();

}  // namespace leakdir
