// SPDX-License-Identifier: BSL-1.0
//
// leakdir's own variables are no roots: addresses lie in them, packed with other things and whole, and counts. Where
// the heap lies low any of that may look like a pointer to a block of the program's.

#pragma once

namespace leakdir {

// Makes all of them memory of ours (own_memory.hh), once a process.
void own_data_is_known();

}  // namespace leakdir
