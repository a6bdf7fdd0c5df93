// SPDX-License-Identifier: BSL-1.0
#include "allocator_glibc.hh"

#include <errno.h>
#include <link.h>

#include <atomic>
#include <cstdint>

#include "base.hh"
#include "dynamic_section.hh"
#include "find_export.hh"
#include "loader.hh"
#include "process.hh"
#include "sanitizer.hh"

// In leakdir-static.o these are libc's malloc.o's own functions, renamed when the object is made (lib/meson.build);
// elsewhere they do not exist.
extern "C" {
__attribute__((weak)) void* leakdir_glibc_malloc(std::size_t);
__attribute__((weak)) void leakdir_glibc_free(void*);
__attribute__((weak)) void* leakdir_glibc_calloc(std::size_t, std::size_t);
__attribute__((weak)) void* leakdir_glibc_realloc(void*, std::size_t);
__attribute__((weak)) void* leakdir_glibc_memalign(std::size_t, std::size_t);
__attribute__((weak)) void* leakdir_glibc_valloc(std::size_t);
__attribute__((weak)) void* leakdir_glibc_pvalloc(std::size_t);
__attribute__((weak)) void* leakdir_glibc_aligned_alloc(std::size_t, std::size_t);
__attribute__((weak)) int leakdir_glibc_posix_memalign(void**, std::size_t, std::size_t);
__attribute__((weak)) std::size_t leakdir_glibc_malloc_usable_size(void*);
// libc.a has this one beside malloc_usable_size: for -static with -z muldefs.
__attribute__((weak)) std::size_t __malloc_usable_size(void*);
// The hook, or with -static -z muldefs libc's own.
void* malloc(std::size_t);
// Ours (hooks_libc_object.cc), or with -static -z muldefs libc's own.
void* __libc_malloc(std::size_t);
void __libc_free(void*);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void* __libc_valloc(std::size_t);
void* __libc_pvalloc(std::size_t);
// Only malloc.o has it: brings it out of libc.a with -static -z muldefs.
int mallopt(int, int);
}

namespace leakdir::allocator {
namespace {

__attribute__((used)) int (*const bring_in_malloc)(int, int) = mallopt;

// ---- glibc's entry points, found with the first call ----

template <typename Function>
Function in_libc(const DynamicSection& section, const char* name) {
  return reinterpret_cast<Function>(const_cast<void*>(exported(section, name)));
}

// By their second names in libc.so, whatever has them in front of it. Nothing is asked of dlsym: another thread may
// hold its lock.
int see_module(dl_phdr_info* info, std::size_t, void*) {
  DynamicSection section;
  if (!read_dynamic_section(*info, &section) || exported(section, "gnu_get_libc_version") == nullptr) return 0;
  glibc = {in_libc<decltype(glibc.malloc)>(section, "__libc_malloc"),
           in_libc<decltype(glibc.free)>(section, "__libc_free"),
           in_libc<decltype(glibc.calloc)>(section, "__libc_calloc"),
           in_libc<decltype(glibc.realloc)>(section, "__libc_realloc"),
           in_libc<decltype(glibc.memalign)>(section, "__libc_memalign"),
           in_libc<decltype(glibc.valloc)>(section, "__libc_valloc"),
           in_libc<decltype(glibc.pvalloc)>(section, "__libc_pvalloc")};
  return 1;
}

// Two of glibc's mallocs are in the program, and it calls the one that is not ours (-static -z muldefs, libc in front).
// That one alone is made ready, from 2.43 on, and its free gets what calloc and others give, which are weak in libc and
// so still ours: they must forward to the same one.
bool is_libcs_malloc_called() {
  void* (*volatile called)(std::size_t) = ::malloc;
  return called == __libc_malloc;
}

LEAKDIR_SLOW void find_glibc() {
  if (has_sanitizer()) {
    set_phase(Phase::kOff);  // start.cc says so
    glibc = {__interceptor_malloc,   __interceptor_free,   __interceptor_calloc, __interceptor_realloc,
             __interceptor_memalign, __interceptor_valloc, __interceptor_pvalloc};
  } else if (leakdir_glibc_malloc != nullptr && !is_libcs_malloc_called()) {
    glibc = {leakdir_glibc_malloc,   leakdir_glibc_free,   leakdir_glibc_calloc, leakdir_glibc_realloc,
             leakdir_glibc_memalign, leakdir_glibc_valloc, leakdir_glibc_pvalloc};
  } else if (loader_base() == 0) {  // -static -z muldefs
    glibc = {__libc_malloc, __libc_free, __libc_calloc, __libc_realloc, __libc_memalign, __libc_valloc, __libc_pvalloc};
  } else {
    for_each_module(see_module, nullptr);
  }
}

void* first_malloc(std::size_t size) { return find_glibc(), glibc.malloc(size); }
void first_free(void* block) { find_glibc(), glibc.free(block); }
void* first_calloc(std::size_t count, std::size_t size) { return find_glibc(), glibc.calloc(count, size); }
void* first_realloc(void* block, std::size_t size) { return find_glibc(), glibc.realloc(block, size); }
void* first_memalign(std::size_t alignment, std::size_t size) { return find_glibc(), glibc.memalign(alignment, size); }
void* first_valloc(std::size_t size) { return find_glibc(), glibc.valloc(size); }
void* first_pvalloc(std::size_t size) { return find_glibc(), glibc.pvalloc(size); }

// ---- Those that have no second name ----

// One function that has to be searched for: in the C library itself, as a library before it may have its own, whose
// blocks glibc would not know. Constant-initialised; searching for it twice at once does no harm.
template <typename Function>
struct Lookup {
  std::atomic<Function> found{nullptr};
  std::atomic<bool> searched{false};

  Function get(Function linked, const char* name) {
    if (LEAKDIR_LIKELY(searched.load(std::memory_order_acquire))) return found.load(std::memory_order_relaxed);
    return find(linked, name);
  }

  LEAKDIR_SLOW Function find(Function linked, const char* name) {
    Function function = linked;
    if (function == nullptr) {
      const int saved = errno;
      if (glibc.malloc == first_malloc) find_glibc();
      const Export found = find_export_beside(reinterpret_cast<const void*>(glibc.malloc), name);
      // What a static program exports is the hook itself.
      if (!is_in_this_module(found)) function = reinterpret_cast<Function>(const_cast<void*>(found.address));
      errno = saved;
    }
    found.store(function, std::memory_order_relaxed);
    searched.store(true, std::memory_order_release);
    return function;
  }
};

Lookup<void* (*)(std::size_t, std::size_t)> next_aligned_alloc;
Lookup<int (*)(void**, std::size_t, std::size_t)> next_posix_memalign;
Lookup<std::size_t (*)(void*)> next_usable_size;

// What the program was linked with, if anything.
template <typename Function>
Function linked(Function sanitizers, Function glibcs) {
  if (sanitizers != nullptr) return sanitizers;
  return is_libcs_malloc_called() ? nullptr : glibcs;
}

bool is_power_of_two(std::size_t n) { return n != 0 && (n & (n - 1)) == 0; }

}  // namespace

Glibc glibc = {first_malloc, first_free, first_calloc, first_realloc, first_memalign, first_valloc, first_pvalloc};

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  const auto next =
      next_aligned_alloc.get(linked(__interceptor_aligned_alloc, leakdir_glibc_aligned_alloc), "aligned_alloc");
  return next != nullptr ? next(alignment, size) : memalign(alignment, size);
}

int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  const auto next =
      next_posix_memalign.get(linked(__interceptor_posix_memalign, leakdir_glibc_posix_memalign), "posix_memalign");
  if (next != nullptr) return next(into, alignment, size);
  if (alignment % sizeof(void*) != 0 || !is_power_of_two(alignment / sizeof(void*))) return EINVAL;
  void* block = memalign(alignment, size);
  if (block == nullptr) return ENOMEM;
  *into = block;
  return 0;
}

std::size_t malloc_usable_size(void* block) {
  const auto glibcs =
      leakdir_glibc_malloc_usable_size != nullptr ? leakdir_glibc_malloc_usable_size : __malloc_usable_size;
  const auto next = next_usable_size.get(linked(__interceptor_malloc_usable_size, glibcs), "malloc_usable_size");
  if (next != nullptr) return next(block);
  if (block == nullptr) return 0;
  // The size field before the block: three flag bits, of which bit 1 marks a mapping of its own (one header word more).
  const std::size_t field = static_cast<std::size_t*>(block)[-1];
  const std::size_t header = (field & 2) != 0 ? 2 * sizeof(std::size_t) : sizeof(std::size_t);
  return (field & ~std::size_t{7}) - header;
}

}  // namespace leakdir::allocator
