// SPDX-License-Identifier: BSL-1.0
//
// Which memory of the process is leakdir's own: whoever looks for pointers of the program's passes over it. A table in
// private memory, which a reader from outside, or of a core, finds by the ledger (Header::own_memory).
//
// Any thread, signal handlers; does not allocate.

#pragma once

#include <cstddef>
#include <cstdint>

#include "shared/ledger.hh"

namespace leakdir {

using ledger::kMostOwnMemory;
using ledger::OwnMemory;

// A mapping: all of its last page is.
void memory_is_own(const void* at, std::size_t bytes);
// No more than these bytes.
void data_are_own(const void* at, std::size_t bytes);
// What begins there is larger by now.
void own_memory_grew(const void* at, std::size_t bytes);
// It is about to be unmapped.
void memory_is_given_back(const void* at);

// kMostOwnMemory of them; those behind the last are zeros, and one or another before it may be for a moment. Null where
// there was no memory for it.
const OwnMemory* own_memory();

}  // namespace leakdir
