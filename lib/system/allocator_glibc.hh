// SPDX-License-Identifier: BSL-1.0
//
// The allocator below, in the objects: glibc's own entry points. Nothing else names them. allocator.hh says what each
// function does.

#pragma once

#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t);
void __libc_free(void*);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void* __libc_valloc(std::size_t);
void* __libc_pvalloc(std::size_t);
}

namespace leakdir::allocator {

// Of every block.
inline constexpr std::size_t kAlignment = 2 * sizeof(void*);

// Whether blocks have glibc's header before them.
constexpr bool is_glibc() { return true; }

// No two blocks begin closer to each other than 1 << this: the smallest one, header included, has four words.
constexpr unsigned distance_bits() { return sizeof(void*) == 8 ? 5 : 4; }

inline void* malloc(std::size_t size) { return __libc_malloc(size); }
inline void free(void* block) { __libc_free(block); }
inline void* calloc(std::size_t count, std::size_t size) { return __libc_calloc(count, size); }
inline void* realloc(void* block, std::size_t size) { return __libc_realloc(block, size); }
inline void* memalign(std::size_t alignment, std::size_t size) { return __libc_memalign(alignment, size); }
inline void* valloc(std::size_t size) { return __libc_valloc(size); }
inline void* pvalloc(std::size_t size) { return __libc_pvalloc(size); }

// glibc has no second name for these three that a dynamic program could link to: they are looked up once
// (leakdir_glibc_* in the static object, dlsym(RTLD_NEXT) in a dynamic program). A few C-library rules stand in where
// neither can be had.
void* aligned_alloc(std::size_t alignment, std::size_t size);
int posix_memalign(void** into, std::size_t alignment, std::size_t size);
std::size_t malloc_usable_size(void* block);

}  // namespace leakdir::allocator
