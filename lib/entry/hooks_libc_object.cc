// SPDX-License-Identifier: BSL-1.0
//
// malloc and its kin by the names that glibc has beside the standard ones: a program that calls them may free the block
// by any of the names. They are the hooks themselves (a jump leaves the caller's frame as it is), for the objects.
//
// Weak: with -static -z muldefs glibc's own functions have these names, and are what the hooks forward to.

#include <cstddef>
#include <cstdlib>

extern "C" {
void* memalign(std::size_t, std::size_t);
void* valloc(std::size_t);
void* pvalloc(std::size_t);

#define WEAK_HOOK __attribute__((weak, visibility("default"), used))
WEAK_HOOK void* __libc_malloc(std::size_t size) { return malloc(size); }
WEAK_HOOK void __libc_free(void* block) { free(block); }
WEAK_HOOK void* __libc_calloc(std::size_t count, std::size_t size) { return calloc(count, size); }
WEAK_HOOK void* __libc_realloc(void* block, std::size_t size) { return realloc(block, size); }
WEAK_HOOK void* __libc_memalign(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
WEAK_HOOK void* __libc_valloc(std::size_t size) { return valloc(size); }
WEAK_HOOK void* __libc_pvalloc(std::size_t size) { return pvalloc(size); }
}
