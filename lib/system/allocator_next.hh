// SPDX-License-Identifier: BSL-1.0
//
// The allocator below, in libleakdir.so: what it lies upon, the next one in the dynamic loader's order: glibc's,
// jemalloc, tcmalloc, mimalloc. allocator.hh says what each function does. Until it is known `next` has functions that
// search for it first: so the hot path asks no question.

#pragma once

#include <cstddef>

#include "base.hh"

namespace leakdir::allocator {

struct Next {
  void* (*malloc)(std::size_t);
  void (*free)(void*);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  int (*posix_memalign)(void**, std::size_t, std::size_t);
  std::size_t (*malloc_usable_size)(void*);
};
LEAKDIR_OURS extern Next next;
LEAKDIR_OURS extern bool next_is_glibc;

// Of every block: others than glibc have blocks of 8 bytes.
inline constexpr std::size_t kAlignment = sizeof(void*);

// Not to be asked before the first call was forwarded.
inline bool is_glibc() { return next_is_glibc; }
// Of others nobody can tell.
constexpr bool may_be_its_block(std::uint64_t) { return true; }
inline unsigned distance_bits() { return is_glibc() ? (sizeof(void*) == 8 ? 5 : 4) : 3; }

// Whether that is the allocator's own code, and not that of a library that is built upon it.
bool is_the_allocators(const void* code);

// Whether realloc keeps what a block of an alignment holds. mimalloc 3.0's does not always.
bool resizes_aligned_blocks();

// Looks up everything now, if that was not done.
void find_next();

inline void* malloc(std::size_t size) { return next.malloc(size); }
inline void free(void* block) { next.free(block); }
inline void* calloc(std::size_t count, std::size_t size) { return next.calloc(count, size); }
inline void* realloc(void* block, std::size_t size) { return next.realloc(block, size); }
inline void* memalign(std::size_t alignment, std::size_t size) { return next.memalign(alignment, size); }
inline void* valloc(std::size_t size) { return next.valloc(size); }
inline void* pvalloc(std::size_t size) { return next.pvalloc(size); }
inline void* aligned_alloc(std::size_t alignment, std::size_t size) { return next.aligned_alloc(alignment, size); }
inline int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  return next.posix_memalign(into, alignment, size);
}
inline std::size_t malloc_usable_size(void* block) { return next.malloc_usable_size(block); }

}  // namespace leakdir::allocator
