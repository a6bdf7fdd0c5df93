// SPDX-License-Identifier: BSL-1.0
//
// Finds the unwind table entry (FDE) of a function: the one door to the search. What is in the program's modules is
// found in memory that the program cannot write, without a lock and without an allocation:
//  - where the linker has made a sorted table (PT_GNU_EH_FRAME: dynamic, static-pie), in that table;
//  - in a plain -static program, which has none, in a table of our own, made once at start (fde_index.hh).
// For the rest, as code that is made at run time and registers its tables with libgcc, libgcc is asked, under its
// mutex.

#pragma once

#include <cstdint>

namespace leakdir {

struct FoundFde {
  const std::uint8_t* entry;
  std::uintptr_t function;  // where it begins
};

// Of the function that `pc` lies in. False where it has no entry.
bool find_fde(std::uintptr_t pc, FoundFde* into) noexcept;

// The same in the program's modules alone: libgcc is not asked, so nothing is allocated.
bool find_fde_in_modules(std::uintptr_t pc, FoundFde* into) noexcept;

// Whether the call before this return address is in libgcc's search, which holds its mutex: it must not be asked then.
bool is_in_libgccs_search(std::uintptr_t return_address) noexcept;

// Whether who allocates, with this return address, may be in such a search: it is libgcc's code near it, and a word of
// the stack from `sp` to `end`, which can be read, looks like the return address of a call there.
bool may_be_in_libgccs_search(std::uintptr_t return_address, std::uintptr_t sp, std::uintptr_t end) noexcept;

// Whether libgcc itself finds one, as its own unwinder must.
bool libgcc_finds_fde(std::uintptr_t pc) noexcept;

}  // namespace leakdir
