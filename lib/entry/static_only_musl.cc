// SPDX-License-Identifier: BSL-1.0
//
// Part of leakdir-static.o for musl only: its mark (shared/mark.h), and musl's allocator, by the names that are hidden
// in libc.a, or that join_static_musl.sh gives to what has none.

#include <cstddef>

#include "shared/mark.h"
#include "system/allocator_musl.hh"

static_assert(static_cast<int>(leakdir::kMarkOfStaticObject) == 2);
LEAKDIR_MARK(2, ".", ".", ".");

extern "C" {
void* __libc_malloc(std::size_t);
void __libc_free(void*);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* leakdir_musl_aligned_alloc(std::size_t, std::size_t);
std::size_t leakdir_musl_malloc_usable_size(void*);
extern const char __libc_version[];

__attribute__((visibility("default"))) extern const leakdir::allocator::Musl leakdir_musl_functions;
const leakdir::allocator::Musl leakdir_musl_functions = {__libc_malloc,
                                                         __libc_free,
                                                         __libc_calloc,
                                                         __libc_realloc,
                                                         leakdir_musl_aligned_alloc,
                                                         leakdir_musl_malloc_usable_size};
__attribute__((visibility("default"))) extern const char* const leakdir_musl_release;
const char* const leakdir_musl_release = __libc_version;

#define KEEPS(name) __attribute__((weak)) extern const char leakdir_at_##name __asm__(#name);
#include "stack/musl_functions.inc"
#undef KEEPS
__attribute__((visibility("default"))) extern const char* const leakdir_musl_keepers[];
const char* const leakdir_musl_keepers[] = {
#define KEEPS(name) &leakdir_at_##name,
#include "stack/musl_functions.inc"
#undef KEEPS
};

// How many threads there are beside one, as musl keeps it (1.2.2 to 1.2.5).
struct MuslsState {
  char can_do_threads, threaded, secure;
  signed char need_locks;
  unsigned other_threads;
};
extern const MuslsState leakdir_musl_state __asm__("__libc");
__attribute__((visibility("default"))) extern const unsigned* const leakdir_musl_other_threads;
const unsigned* const leakdir_musl_other_threads = &leakdir_musl_state.other_threads;

// leakdir-mkobj has read the sizes in libc.a, in the same order.
#ifndef LEAKDIR_KEEPER_BYTES
#define LEAKDIR_KEEPER_BYTES 0
#endif
__attribute__((visibility("default"))) extern const std::size_t leakdir_musl_keeper_bytes[];
const std::size_t leakdir_musl_keeper_bytes[sizeof leakdir_musl_keepers / sizeof *leakdir_musl_keepers] = {
    LEAKDIR_KEEPER_BYTES};
}
