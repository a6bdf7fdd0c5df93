// SPDX-License-Identifier: BSL-1.0
//
// What kind of function a return address lies in: one of `operator new` and its kin, which no user wants to see as the
// caller, or one of libc's and the dynamic loader's that keep what they allocate. Told by the start of the function in
// the unwind tables, compared with the addresses of the functions that the program and libc.so have (functions.inc).
//
// Must not be asked before there are unwind tables (stack.cc); of code that is in no module libgcc is asked, which may
// allocate, so callers hold the guard.

#pragma once

#include <link.h>

#include <cstdint>

#include "function_kind.hh"
#include "system/guard.hh"

namespace leakdir {

// The kind of the function that the call before `address` is in; where there is no call, of the one that `address` is
// in.
FunctionKind function_kind(std::uintptr_t address, const ReentryGuard&);

// That of the function that the call leads to which returns there; kUnknown where the call does not say it.
FunctionKind kind_of_called(std::uintptr_t return_address, const ReentryGuard&);

// True when libgcc's unwinder finds the tables of the program itself. In a plain -static program they are registered by
// a start-up function of the compiler's, after the first allocations, and gone again in the last destructors: to unwind
// then aborts the process.
bool unwind_tables_ready(const ReentryGuard&);

// A module that has appeared: which operator new it has, if it has one, and which functions of libc's. The program's
// own references do not lead to that of a library that was loaded with dlopen, and may lead to a function of the
// program's that only has the name of one of libc's. Called by one thread at a time.
void learn_functions(const dl_phdr_info& module);

// Whether that is libc.so or the dynamic loader; false in a static program, which has them in itself.
bool is_in_libc(std::uintptr_t address);

// False before glibc 2.34, where dlopen is in a library of its own.
bool libc_has_dlopen();

// Forgets what was cached, after a module was unloaded.
void forget_function_kinds();

}  // namespace leakdir
