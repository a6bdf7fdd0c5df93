// SPDX-License-Identifier: BSL-1.0
//
// Where a function begins, by the unwind tables: function_start_dwarf.cc, and function_start_arm.cc where they are of
// another kind. In memory that the loader does not know, libgcc is asked: it may allocate, so callers hold the guard.

#pragma once

#include <cstdint>

namespace leakdir {

// The function begins in [earliest, latest]. Certain: the two are one.
struct FunctionStart {
  std::uintptr_t earliest, latest;
  bool is_certain;
  bool is_signal_return;  // the kernel "returns" there from a handler: its caller is what the signal interrupted
};

// Of the function that `pc` lies in. False where it has no unwind table.
bool find_function_start(std::uintptr_t pc, FunctionStart& start);

// Where the function's code ends, by the same table; 0: it does not say.
std::uintptr_t find_function_end(std::uintptr_t pc);

// Whether a function of one of the program's modules begins there, as far as they have tables. Nothing is allocated.
bool is_function_start(std::uintptr_t address);

// How many functions further on in the unwind tables the entry of `later` stands than that of `earlier`, each the start
// of a function: 1 is the next one. 0: not within `most`, or the tables keep no order of their own.
int table_distance(std::uintptr_t earlier, std::uintptr_t later, int most);

// At start, in a program whose tables nobody has sorted (plain -static): makes what the look-ups need. True: they may
// be asked from now on, to the very end. False: has_unwind_tables() tells.
bool make_function_index();

// Whether the call before this return address is in the unwinder's own search, which holds a mutex while it allocates.
bool is_in_unwinders_search(std::uintptr_t return_address);

// Whether the unwinder (Boost's, libgcc's) finds the tables of the program: `own` is a function of ours.
bool has_unwind_tables(std::uintptr_t own);

}  // namespace leakdir
