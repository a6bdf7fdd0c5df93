// SPDX-License-Identifier: BSL-1.0
//
// Functions that have no name to be found by, told by a neighbour that has one. The unwind tables of one object file
// stay together and in the order in which the compiler wrote its functions, however they were linked.

#pragma once

#include <cstdint>

#include "function_kind.hh"
#include "system/dynamic_section.hh"

namespace leakdir {

// The initialiser of libstdc++ (eh_alloc.cc) that allocates the emergency pool for exceptions: it is the first
// initialiser behind __gnu_cxx::__freeres, which gives the pool back.
bool makes_emergency_pool(std::uintptr_t function);

// A module that has appeared: it may have a libstdc++ in it, be libc.so or the loader.
void learn_neighbours(const DynamicSection& section, bool is_libc_or_loader);

// In a static program, where no module says so: where a function is.
void learn_neighbour(const char* name, const char* function);

// The kind of a function of libc's or of the loader's that has no name to be found by: of dl-find_object.c, which has
// tables of modules, of check_pf.c, which has a list of addresses for getaddrinfo, and of dl-deps.c and dl-open.c,
// where the loader notes for good in which libraries it is to search. kOrdinary: it is none of them.
FunctionKind kind_by_neighbours(std::uintptr_t function);

}  // namespace leakdir
