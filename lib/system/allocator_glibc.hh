// SPDX-License-Identifier: BSL-1.0
//
// The allocator below, in the objects: glibc's own entry points. Which they are is found with the first call of all
// (allocator_glibc.cc), so that the hot path asks no question: until then each leads to a function that finds them.
// allocator.hh says what each function does.

#pragma once

#include <cstddef>
#include <cstdint>

#include "base.hh"

namespace leakdir::allocator {

struct Glibc {
  void* (*malloc)(std::size_t);
  void (*free)(void*);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
};
LEAKDIR_OURS extern Glibc glibc;

// Of every block.
inline constexpr std::size_t kAlignment = 2 * sizeof(void*);

// Whether blocks have glibc's header before them.
constexpr bool is_glibc() { return true; }

// For others than glibc.
constexpr bool may_be_its_block(std::uint64_t) { return true; }

constexpr bool resizes_aligned_blocks() { return true; }

// No two blocks begin closer to each other than 1 << this: the smallest one, header included, has four words.
constexpr unsigned distance_bits() { return sizeof(void*) == 8 ? 5 : 4; }

inline void* malloc(std::size_t size) { return glibc.malloc(size); }
inline void free(void* block) { glibc.free(block); }
inline void* calloc(std::size_t count, std::size_t size) { return glibc.calloc(count, size); }
inline void* realloc(void* block, std::size_t size) { return glibc.realloc(block, size); }
inline void* memalign(std::size_t alignment, std::size_t size) { return glibc.memalign(alignment, size); }
inline void* valloc(std::size_t size) { return glibc.valloc(size); }
inline void* pvalloc(std::size_t size) { return glibc.pvalloc(size); }

// glibc has no second name for these three that a dynamic program could link to: they are searched for once
// (leakdir_glibc_* in the static object, libc.so's own tables in a dynamic program). A few C-library rules stand in
// where neither can be had.
void* aligned_alloc(std::size_t alignment, std::size_t size);
int posix_memalign(void** into, std::size_t alignment, std::size_t size);
std::size_t malloc_usable_size(void* block);

}  // namespace leakdir::allocator
