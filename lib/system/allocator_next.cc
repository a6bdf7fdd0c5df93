// SPDX-License-Identifier: BSL-1.0
//
// The first call finds the next allocator. dlsym may allocate itself before it has an answer (glibc before 2.34 does,
// for its errors): what it gets then comes from a small area here, is known by its address and is never forwarded.
//
// That happens in the first call of all, by the dynamic loader or by the first constructor that allocates, when there
// is one thread. It is not put off: dlsym waits for a lock that another thread may hold for long, while it runs the
// constructors of a library.

#include "allocator_next.hh"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>

#include <cstdint>

#include "loader.hh"

namespace leakdir::allocator {

bool next_is_glibc = true;

namespace {

// ---- While dlsym searches ----

constexpr std::size_t kAreaBytes = 16 << 10;
constexpr std::size_t kHeader = 16;  // the size of the block lies there
alignas(16) char area[kAreaBytes];
std::size_t area_used = 0;
Next real;

bool is_in_area(const void* block) {
  return reinterpret_cast<std::uintptr_t>(block) - reinterpret_cast<std::uintptr_t>(area) < kAreaBytes;
}
std::size_t& size_in_area(void* block) { return *reinterpret_cast<std::size_t*>(static_cast<char*>(block) - kHeader); }

void* area_memalign(std::size_t alignment, std::size_t size) {
  if (alignment < kHeader) alignment = kHeader;
  const auto start = reinterpret_cast<std::uintptr_t>(area);
  const std::size_t at = ((start + area_used + kHeader + alignment - 1) & ~(alignment - 1)) - start;
  if (at > kAreaBytes || size > kAreaBytes - at) {
    errno = ENOMEM;
    return nullptr;
  }
  area_used = at + size;
  size_in_area(area + at) = size;
  return area + at;
}
void* area_malloc(std::size_t size) { return area_memalign(kHeader, size); }
void area_free(void*) {}
void* area_calloc(std::size_t count, std::size_t size) {  // each byte of the area is handed out once
  std::size_t bytes;
  return area_malloc(__builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
}
int area_posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  const int saved = errno;
  void* const block = area_memalign(alignment, size);
  errno = saved;
  if (block == nullptr) return ENOMEM;
  *into = block;
  return 0;
}
std::size_t area_usable_size(void* block) { return is_in_area(block) ? size_in_area(block) : 0; }

void copy_out(char* to, void* block, std::size_t room) {
  const std::size_t bytes = size_in_area(block) < room ? size_in_area(block) : room;
  for (std::size_t i = 0; i < bytes; ++i) to[i] = static_cast<char*>(block)[i];
}
void* area_realloc(void* block, std::size_t size) {
  auto* const moved = static_cast<char*>(area_malloc(size));
  if (moved != nullptr && block != nullptr) copy_out(moved, block, size);
  return moved;
}

constexpr Next kInArea = {area_malloc, area_free,   area_calloc,   area_realloc,        area_memalign,
                          area_malloc, area_malloc, area_memalign, area_posix_memalign, area_usable_size};

// ---- After it, when the area was used: its blocks are still about ----

void free_any(void* block) {
  if (!is_in_area(block)) real.free(block);
}
void* realloc_any(void* block, std::size_t size) {
  if (!is_in_area(block)) return real.realloc(block, size);
  auto* const moved = static_cast<char*>(real.malloc(size));
  if (moved != nullptr) copy_out(moved, block, size);
  return moved;
}
std::size_t usable_size_any(void* block) {
  return is_in_area(block) ? size_in_area(block) : real.malloc_usable_size(block);
}

// ---- The search ----

template <typename Function>
void find(Function& into, const char* name) {
  into = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

// The library that the allocator is in.
std::uintptr_t file_start = 0, file_bytes = 0;

int see_module(dl_phdr_info* info, std::size_t, void*) {
  const auto function = reinterpret_cast<std::uintptr_t>(real.malloc);
  std::uintptr_t start = UINTPTR_MAX, end = 0;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    const std::uintptr_t from = info->dlpi_addr + header.p_vaddr;
    if (from < start) start = from;
    if (from + header.p_memsz > end) end = from + header.p_memsz;
  }
  if (function < start || function >= end) return 0;
  file_start = start;
  file_bytes = end - start;
  return 1;
}

LEAKDIR_SLOW void find_all() {
  const int saved = errno;
  next = kInArea;
  find(real.malloc, "malloc");
  find(real.free, "free");
  find(real.calloc, "calloc");
  find(real.realloc, "realloc");
  find(real.memalign, "memalign");
  find(real.valloc, "valloc");
  find(real.pvalloc, "pvalloc");
  find(real.aligned_alloc, "aligned_alloc");
  find(real.posix_memalign, "posix_memalign");
  find(real.malloc_usable_size, "malloc_usable_size");
  for_each_module(see_module, nullptr);
  next_is_glibc = is_the_allocators(dlsym(RTLD_NEXT, "gnu_get_libc_version"));
  Next found = real;
  if (area_used != 0) {
    found.free = free_any;
    found.realloc = realloc_any;
    found.malloc_usable_size = usable_size_any;
  }
  next = found;
  errno = saved;
}

bool has_found() { return real.malloc_usable_size != nullptr; }

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

bool is_the_allocators(const void* code) { return reinterpret_cast<std::uintptr_t>(code) - file_start < file_bytes; }

void find_next() {
  if (!has_found()) find_all();
}

}  // namespace leakdir::allocator
