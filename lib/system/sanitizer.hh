// SPDX-License-Identifier: BSL-1.0
//
// A sanitizer's runtime (-fsanitize=address, thread, leak, memory, hwaddress) has an allocator of its own, whose blocks
// glibc does not know, and libc's functions call it past any hook. Where one is in the program leakdir is off, and the
// hooks hand on to the runtime's own functions, which gcc's and clang's have under these names whatever stands in front
// of them. The runtime of -fsanitize=undefined has none of them, and is no harm.
//
// They are known without a search: it would go by way of dl_iterate_phdr, which is the runtime's too, and cannot be
// called before the runtime has started.

#pragma once

#include <cstddef>

extern "C" {
__attribute__((weak)) void* __interceptor_malloc(std::size_t);
__attribute__((weak)) void __interceptor_free(void*);
__attribute__((weak)) void* __interceptor_calloc(std::size_t, std::size_t);
__attribute__((weak)) void* __interceptor_realloc(void*, std::size_t);
__attribute__((weak)) void* __interceptor_memalign(std::size_t, std::size_t);
__attribute__((weak)) void* __interceptor_valloc(std::size_t);
__attribute__((weak)) void* __interceptor_pvalloc(std::size_t);
__attribute__((weak)) void* __interceptor_aligned_alloc(std::size_t, std::size_t);
__attribute__((weak)) int __interceptor_posix_memalign(void**, std::size_t, std::size_t);
__attribute__((weak)) std::size_t __interceptor_malloc_usable_size(void*);
}

namespace leakdir {

inline bool has_sanitizer() { return __interceptor_malloc != nullptr; }

}  // namespace leakdir
