// SPDX-License-Identifier: BSL-1.0
//
// Which functions of musl's keep what they allocate (musl_functions.inc). In a program upon glibc nothing is known
// here.

#pragma once

#include <cstddef>
#include <cstdint>

#include "system/dynamic_section.hh"
#include "system/libc.hh"

namespace leakdir {

#if defined(LEAKDIR_MUSL)
// What libc.so exports, when it is seen among the modules.
void learn_musl(const DynamicSection& libc);

// `address`: a return address in code that has no unwind table.
bool is_in_keeper(std::uintptr_t address);

// Whether the call that returns there leads to one of them. (It may have ended with a jump to a function that libc.so
// does not export.)
bool calls_keeper(std::uintptr_t address);
#else
inline bool is_in_keeper(std::uintptr_t) { return false; }
inline bool calls_keeper(std::uintptr_t) { return false; }
inline void learn_musl(const DynamicSection&) {}
#endif

}  // namespace leakdir
