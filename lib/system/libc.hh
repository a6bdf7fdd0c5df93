// SPDX-License-Identifier: BSL-1.0
//
// What glibc and musl do in different ways, or only one of them does, beside the allocator (allocator.hh) and what is
// in the program's first and last moments (entry/). An answer is a file: libc_glibc.cc, libc_musl.cc.

#pragma once

#include <cstdint>

namespace leakdir::libc {

// musl has one file for the dynamic loader and the C library, takes its own memory from below the names that a program
// can replace, and makes no unwind tables.
#if defined(LEAKDIR_MUSL)
inline constexpr bool kIsMusl = true;
#else
inline constexpr bool kIsMusl = false;
#endif

inline constexpr const char* kName = kIsMusl ? "musl" : "glibc";

// The release that leakdir-static.o has parts of, null in other objects; and the one that runs. Of glibc without what
// stands behind the second number.
const char* release_in_object();
const char* running_release();

// False: this program cannot fork by itself, and libc has no such function in it.
bool call_at_fork(void (*before)(), void (*in_parent)(), void (*in_child)());

// Last of what quick_exit calls. Nothing where the program cannot call it.
void call_at_quick_exit(void (*end)(void*));

// clone(2), for a thread that libc does not know: `run` ends by SYS_exit. Negative: there is none.
int clone_thread(int (*run)(void*), void* stack_end, int flags, std::uint32_t* alive);

}  // namespace leakdir::libc
