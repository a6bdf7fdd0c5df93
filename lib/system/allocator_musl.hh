// SPDX-License-Identifier: BSL-1.0
//
// The allocator below, in the objects for musl: musl's own (mallocng). Which functions they are is found with the first
// call of all, as in allocator_glibc.hh. allocator.hh says what each function does.

#pragma once

#include <errno.h>

#include <cstddef>
#include <cstdint>

#include "base.hh"

namespace leakdir::allocator {

// A static program has them under the names by which musl calls them itself; those that have no such name, and all in
// libc.so, are found where allocator_musl.cc says.
struct Musl {
  void* (*malloc)(std::size_t);
  void (*free)(void*);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  std::size_t (*malloc_usable_size)(void*);
};
LEAKDIR_OURS extern Musl musl;

// Of every block.
inline constexpr std::size_t kAlignment = 16;

// Whether blocks have glibc's header before them.
constexpr bool is_glibc() { return false; }

// Whether what stands before the address, and where it leads, is what musl would check: false only where it is not.
bool may_be_its_block(std::uint64_t address);

constexpr bool resizes_aligned_blocks() { return true; }

// No two blocks begin closer to each other than 1 << this.
constexpr unsigned distance_bits() { return 4; }

inline void* malloc(std::size_t size) { return musl.malloc(size); }
inline void free(void* block) { musl.free(block); }
inline void* calloc(std::size_t count, std::size_t size) { return musl.calloc(count, size); }
inline void* realloc(void* block, std::size_t size) { return musl.realloc(block, size); }
inline void* aligned_alloc(std::size_t alignment, std::size_t size) { return musl.aligned_alloc(alignment, size); }
inline std::size_t malloc_usable_size(void* block) { return musl.malloc_usable_size(block); }

// musl's own functions of these names call aligned_alloc, which is a hook: each is what musl has.
inline void* memalign(std::size_t alignment, std::size_t size) { return aligned_alloc(alignment, size); }

inline int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  if (alignment < sizeof(void*)) return EINVAL;
  void* const block = aligned_alloc(alignment, size);
  if (block == nullptr) return errno;
  *into = block;
  return 0;
}

// A page, and for pvalloc, which musl has not, whole pages of it.
void* valloc(std::size_t size);
void* pvalloc(std::size_t size);

}  // namespace leakdir::allocator
