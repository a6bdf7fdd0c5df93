// SPDX-License-Identifier: BSL-1.0
//
// The same as hooks_libc_object.cc, for libleakdir.so. If another library's malloc lies between, it may have called
// these itself, for a block that is recorded with the call of malloc: then they lead on to libc and tell nothing.

#include <errno.h>

#include <cstddef>
#include <cstdlib>

#include "system/allocator.hh"
#include "system/base.hh"
#include "system/find_export.hh"

namespace allocator = leakdir::allocator;

namespace {

allocator::Next libc;   // those that have a second name
bool is_below = false;  // nothing lies between

template <typename Function>
void find(Function& into, const char* name) {
  into = reinterpret_cast<Function>(const_cast<void*>(leakdir::find_next_export(name).address));
}

LEAKDIR_SLOW void find_all() {
  const int saved = errno;
  find(libc.free, "__libc_free");
  find(libc.calloc, "__libc_calloc");
  find(libc.realloc, "__libc_realloc");
  find(libc.memalign, "__libc_memalign");
  find(libc.valloc, "__libc_valloc");
  find(libc.pvalloc, "__libc_pvalloc");
  find(libc.malloc, "__libc_malloc");
  allocator::find_next();
  is_below = allocator::next.malloc == libc.malloc;
  errno = saved;
}

bool is_told() {
  if (LEAKDIR_UNLIKELY(libc.malloc == nullptr)) find_all();
  return is_below;
}

}  // namespace

extern "C" {
void* memalign(std::size_t, std::size_t);
void* valloc(std::size_t);
void* pvalloc(std::size_t);

LEAKDIR_EXPORT void* __libc_malloc(std::size_t size) { return is_told() ? malloc(size) : libc.malloc(size); }
LEAKDIR_EXPORT void __libc_free(void* block) { is_told() ? free(block) : libc.free(block); }
LEAKDIR_EXPORT void* __libc_calloc(std::size_t count, std::size_t size) {
  return is_told() ? calloc(count, size) : libc.calloc(count, size);
}
LEAKDIR_EXPORT void* __libc_realloc(void* block, std::size_t size) {
  return is_told() ? realloc(block, size) : libc.realloc(block, size);
}
LEAKDIR_EXPORT void* __libc_memalign(std::size_t alignment, std::size_t size) {
  return is_told() ? memalign(alignment, size) : libc.memalign(alignment, size);
}
LEAKDIR_EXPORT void* __libc_valloc(std::size_t size) { return is_told() ? valloc(size) : libc.valloc(size); }
LEAKDIR_EXPORT void* __libc_pvalloc(std::size_t size) { return is_told() ? pvalloc(size) : libc.pvalloc(size); }
}
