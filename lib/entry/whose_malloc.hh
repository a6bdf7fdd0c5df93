// SPDX-License-Identifier: BSL-1.0
//
// Of the linked objects: whether the program's calls of malloc lead to the hooks, and those of its libraries.

#pragma once

namespace leakdir {

// At start, when the ledger is there: what is found is said in it (track/bypass.hh).
void see_whose_malloc_is_called();

}  // namespace leakdir
