// SPDX-License-Identifier: BSL-1.0
//
// The first call finds the next allocator: by the dynamic loader or by the first constructor that allocates, when there
// is one thread. It is not put off: whoever loads a library holds the loader's lock, and another thread would wait.

#include "allocator_next.hh"

#include <errno.h>

#include "find_export.hh"
#include "process.hh"
#include "sanitizer.hh"

namespace leakdir::allocator {

bool next_is_glibc = true;

namespace {

ModuleRange allocators_module = {};
bool has_searched = false;

// The C library is behind us, but where somebody has loaded us with dlopen: then it is before us.
Export find_in_next(const char* name) {
  const Export found = find_next_export(name);
  return found.address != nullptr ? found : find_export_elsewhere(name);
}

template <typename Function>
void find(Function& into, const char* name) {
  into = reinterpret_cast<Function>(const_cast<void*>(find_in_next(name).address));
}

void go_on_to_sanitizer() {
  set_phase(Phase::kOff);  // start.cc says so
  next_is_glibc = false;
  next = {__interceptor_malloc,         __interceptor_free,
          __interceptor_calloc,         __interceptor_realloc,
          __interceptor_memalign,       __interceptor_valloc,
          __interceptor_pvalloc,        __interceptor_aligned_alloc,
          __interceptor_posix_memalign, __interceptor_malloc_usable_size};
  has_searched = true;
}

LEAKDIR_SLOW void find_all() {
  if (has_sanitizer()) return go_on_to_sanitizer();
  const int saved = errno;
  Next found;
  find(found.malloc, "malloc");
  find(found.free, "free");
  find(found.calloc, "calloc");
  find(found.realloc, "realloc");
  find(found.memalign, "memalign");
  find(found.valloc, "valloc");
  find(found.pvalloc, "pvalloc");
  find(found.aligned_alloc, "aligned_alloc");
  find(found.posix_memalign, "posix_memalign");
  find(found.malloc_usable_size, "malloc_usable_size");
  allocators_module = find_in_next("malloc").module;
  next_is_glibc = is_the_allocators(find_in_next("gnu_get_libc_version").address);
  next = found;
  has_searched = true;
  errno = saved;
}

// ---- The first call ----

void* first_malloc(std::size_t size) { return find_all(), next.malloc(size); }
void first_free(void* block) { return find_all(), next.free(block); }
void* first_calloc(std::size_t count, std::size_t size) { return find_all(), next.calloc(count, size); }
void* first_realloc(void* block, std::size_t size) { return find_all(), next.realloc(block, size); }
void* first_memalign(std::size_t alignment, std::size_t size) { return find_all(), next.memalign(alignment, size); }
void* first_valloc(std::size_t size) { return find_all(), next.valloc(size); }
void* first_pvalloc(std::size_t size) { return find_all(), next.pvalloc(size); }
void* first_aligned_alloc(std::size_t alignment, std::size_t size) {
  return find_all(), next.aligned_alloc(alignment, size);
}
int first_posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  return find_all(), next.posix_memalign(into, alignment, size);
}
std::size_t first_usable_size(void* block) { return find_all(), next.malloc_usable_size(block); }

}  // namespace

Next next = {first_malloc, first_free,    first_calloc,        first_realloc,        first_memalign,
             first_valloc, first_pvalloc, first_aligned_alloc, first_posix_memalign, first_usable_size};

bool is_the_allocators(const void* code) { return allocators_module.has(code); }

bool resizes_aligned_blocks() {
  const Export version = has_sanitizer() ? Export{} : find_in_next("mi_version");
  if (version.address == nullptr || !is_the_allocators(version.address)) return true;
  const int number = reinterpret_cast<int (*)()>(const_cast<void*>(version.address))();  // 209: 2.0.9; 30600: 3.6.0
  return number < 300 || number >= 310;
}

void find_next() {
  if (!has_searched) find_all();
}

}  // namespace leakdir::allocator
