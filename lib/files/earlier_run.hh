// SPDX-License-Identifier: BSL-1.0
//
// What an earlier run left in a record directory: whether its process lives, and its way to previous/. Touches only
// what leakdir itself makes: record files, bad-free files, ledgers, and the <pid>/ directories that hold a ledger;
// everything else is somebody's and is left alone. At start and in a forked child; needs some KiB of stack.

#pragma once

namespace leakdir {

// The live process that owns the ledger in `folder` (a descriptor), or writes records there without one. False if there
// is none.
bool find_live_owner(int folder, int* pid);

// If this process itself wrote the ledger in `folder`, as the program that it was before exec, says so in it: from
// outside nobody could tell that from a kill. At start.
void say_that_it_went_on(int folder);

// Moves the records, the ledger and the directories of processes that are gone into previous/, in place of what was
// there: one generation is kept. A link of the name previous/ is taken away, not followed; a file gets another
// name. False when previous/ cannot be had.
bool move_to_previous(int folder);

}  // namespace leakdir
