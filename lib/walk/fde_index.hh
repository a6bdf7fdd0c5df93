// SPDX-License-Identifier: BSL-1.0
//
// The unwind table entries of a plain -static program, sorted by address, in memory of ours.
//
// Such a program has no sorted table, and nothing says where its .eh_frame begins: crtbeginT.o knows, and tells libgcc,
// which sorts the entries into the program's heap at the first look and takes a mutex at each. So the section is
// looked for, in what the program cannot write: it is the earliest place from which entry after entry leads to the end
// of a table that knows a function of ours.

#pragma once

#include <cstdint>

namespace leakdir {

// At start, in a program without PT_GNU_EH_FRAME. Nothing happens where there is no table to be found, or no memory.
void make_fde_index() noexcept;

// Whether there is one. It then knows all there is to know of the program's own code.
bool has_fde_index() noexcept;

// The entry whose function begins last before `pc` or there; null: none does.
const std::uint8_t* indexed_fde(std::uintptr_t pc) noexcept;

// Whether BOLT has put code of that program elsewhere after it was linked. What start-up code tells libgcc of is the
// table of before then, and in a program that BOLT 16 has made its search jumps to nowhere.
bool is_rewritten() noexcept;

// Whether `pc` lies in the program that the index is of.
bool is_in_indexed_program(std::uintptr_t pc) noexcept;

}  // namespace leakdir
