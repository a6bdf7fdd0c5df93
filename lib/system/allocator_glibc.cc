// SPDX-License-Identifier: BSL-1.0
#include "allocator_glibc.hh"

#include <errno.h>

#include <atomic>
#include <cstdint>

#include "base.hh"
#include "find_export.hh"

// In leakdir-static.o these are libc's malloc.o's own functions, renamed when the object is made (lib/meson.build);
// elsewhere they do not exist.
extern "C" {
__attribute__((weak)) void* leakdir_glibc_aligned_alloc(std::size_t, std::size_t);
__attribute__((weak)) int leakdir_glibc_posix_memalign(void**, std::size_t, std::size_t);
__attribute__((weak)) std::size_t leakdir_glibc_malloc_usable_size(void*);
// libc.a has this one beside malloc_usable_size: for -static with -z muldefs.
__attribute__((weak)) std::size_t __malloc_usable_size(void*);
}

namespace leakdir::allocator {
namespace {

// One function that has to be searched for: in the C library itself, as a library before it may have its own, whose blocks
// __libc_free would not know. Constant-initialised; searching for it twice at once does no harm.
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
      const Export found = find_export_beside(reinterpret_cast<const void*>(&__libc_malloc), name);
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

bool is_power_of_two(std::size_t n) { return n != 0 && (n & (n - 1)) == 0; }

}  // namespace

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  const auto next = next_aligned_alloc.get(leakdir_glibc_aligned_alloc, "aligned_alloc");
  return next != nullptr ? next(alignment, size) : memalign(alignment, size);
}

int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  const auto next = next_posix_memalign.get(leakdir_glibc_posix_memalign, "posix_memalign");
  if (next != nullptr) return next(into, alignment, size);
  if (alignment % sizeof(void*) != 0 || !is_power_of_two(alignment / sizeof(void*))) return EINVAL;
  void* block = memalign(alignment, size);
  if (block == nullptr) return ENOMEM;
  *into = block;
  return 0;
}

std::size_t malloc_usable_size(void* block) {
  const auto linked =
      leakdir_glibc_malloc_usable_size != nullptr ? leakdir_glibc_malloc_usable_size : __malloc_usable_size;
  const auto next = next_usable_size.get(linked, "malloc_usable_size");
  if (next != nullptr) return next(block);
  if (block == nullptr) return 0;
  // The size field before the block: three flag bits, of which bit 1 marks a mapping of its own (one header word more).
  const std::size_t field = static_cast<std::size_t*>(block)[-1];
  const std::size_t header = (field & 2) != 0 ? 2 * sizeof(std::size_t) : sizeof(std::size_t);
  return (field & ~std::size_t{7}) - header;
}

}  // namespace leakdir::allocator
