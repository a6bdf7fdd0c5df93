// SPDX-License-Identifier: BSL-1.0
//
// Part of leakdir-static.o only: its mark (shared/mark.h), and what a static program can be asked for, because internal
// names of libc's can be linked to. References are weak, so that nothing is brought into the program, but for two.

#include "shared/mark.h"

static_assert(static_cast<int>(leakdir::kMarkOfStaticObject) == 2);
LEAKDIR_MARK(2, ".", ".", ".");

extern "C" {
// This brings __libc_freeres out of libc.a, which the weak reference of libc_own.cc does not.
void __libc_freeres();
// … and this __cxa_thread_atexit_impl, which is in the same file of libc.a.
void __call_tls_dtors();

// libc's count of its threads.
__attribute__((weak)) extern unsigned __nptl_nthreads;

#define DECLARE(name) __attribute__((weak)) extern char leakdir_at_##name __asm__(#name);
#define FUNCTION(name, kind) DECLARE(name)
#define STATIC(name, kind) DECLARE(name)
#define RUNTIME(name, kind) DECLARE(name)
#define NEAR_FUNCTION(name, kind) DECLARE(name)
#include "stack/functions.inc"

__attribute__((visibility("default"))) extern const unsigned* const leakdir_glibc_thread_count;
const unsigned* const leakdir_glibc_thread_count = &__nptl_nthreads;

__attribute__((visibility("default"))) extern const char* const leakdir_glibc_functions[];
const char* const leakdir_glibc_functions[] = {
#define FUNCTION(name, kind) &leakdir_at_##name,
#define STATIC(name, kind) &leakdir_at_##name,
#define RUNTIME(name, kind) &leakdir_at_##name,
#define NEAR_FUNCTION(name, kind) &leakdir_at_##name,
#define EXPORTED(name, kind) nullptr,
#include "stack/functions.inc"
};
}

namespace leakdir {
__attribute__((used)) void (*const bring_in_freeres)() = __libc_freeres;
__attribute__((used)) void (*const bring_in_exit)() = __call_tls_dtors;
}  // namespace leakdir
