// SPDX-License-Identifier: BSL-1.0
//
// libc.so has the standard names alone, and its calloc calls malloc, which is a hook: there calloc is made of malloc.

#include "allocator_musl.hh"

#include <string.h>
#include <sys/auxv.h>

#include <cstdint>

#include "find_export.hh"
#include "sys.hh"

// In leakdir-static.o (static_only_musl.cc).
extern "C" __attribute__((weak)) const leakdir::allocator::Musl leakdir_musl_functions;

namespace leakdir::allocator {
namespace {

constexpr std::size_t kPage = 4096;  // the smallest that there are: where a larger one begins, one of these does

bool is_zero(const std::uintptr_t* words) {
  std::uintptr_t all = 0;
  for (std::size_t i = 0; i < kPage / sizeof *words; ++i) all |= words[i];
  return all == 0;
}

// A page that nobody has written to is read only, and so costs no memory.
void clear(char* block, std::size_t bytes) {
  char* const end = block + bytes;
  const std::size_t before = (kPage - reinterpret_cast<std::uintptr_t>(block) % kPage) % kPage;
  if (bytes < before + kPage) {
    ::memset(block, 0, bytes);
    return;
  }
  ::memset(block, 0, before);
  char* page = block + before;
  for (; static_cast<std::size_t>(end - page) >= kPage; page += kPage) {
    if (!is_zero(reinterpret_cast<const std::uintptr_t*>(page))) ::memset(page, 0, kPage);
  }
  ::memset(page, 0, static_cast<std::size_t>(end - page));
}

void* cleared(std::size_t count, std::size_t size) {
  std::size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  auto* const block = static_cast<char*>(musl.malloc(bytes));
  if (block != nullptr) clear(block, bytes);
  return block;
}

template <typename Function>
void find(Function& into, const char* name) {
  into = reinterpret_cast<Function>(
      const_cast<void*>(find_export_beside(reinterpret_cast<const void*>(&::getauxval), name).address));
}

// Nothing is asked of dlsym: another thread may hold its lock.
LEAKDIR_SLOW void find_musl() {
  if (&leakdir_musl_functions != nullptr) {
    musl = leakdir_musl_functions;
    return;
  }
  Musl found = {nullptr, nullptr, cleared, nullptr, nullptr, nullptr};
  find(found.free, "free");
  find(found.realloc, "realloc");
  find(found.aligned_alloc, "aligned_alloc");
  find(found.malloc_usable_size, "malloc_usable_size");
  find(found.malloc, "malloc");
  musl = found;
}

void* first_malloc(std::size_t size) { return find_musl(), musl.malloc(size); }
void first_free(void* block) { find_musl(), musl.free(block); }
void* first_calloc(std::size_t count, std::size_t size) { return find_musl(), musl.calloc(count, size); }
void* first_realloc(void* block, std::size_t size) { return find_musl(), musl.realloc(block, size); }
void* first_aligned_alloc(std::size_t alignment, std::size_t size) {
  return find_musl(), musl.aligned_alloc(alignment, size);
}
std::size_t first_malloc_usable_size(void* block) { return find_musl(), musl.malloc_usable_size(block); }

std::size_t page_bytes() { return ::getauxval(AT_PAGESZ); }

}  // namespace

Musl musl = {first_malloc, first_free, first_calloc, first_realloc, first_aligned_alloc, first_malloc_usable_size};

// musl 1.2.1 to 1.2.5, src/malloc/mallocng/meta.h: in the 8 bytes before a block stand its place in its group, in units
// of 16 bytes, and which of the group's slots it is; the group begins with a pointer to what malloc keeps of it, which
// leads back to the group, and has a bit for each slot that is free.
bool may_be_its_block(std::uint64_t address) {
  constexpr std::uint64_t kUnit = 16;
  struct Head {
    std::uint32_t far_place;
    std::uint8_t has_far_place, slot;
    std::uint16_t place;
  } head;
  struct Kept {
    std::uintptr_t previous, next, group;
    std::uint32_t available, freed;
  } kept;
  const auto read = [](std::uint64_t at, auto* into) {
    const iovec from = {reinterpret_cast<void*>(static_cast<std::uintptr_t>(at)), sizeof *into};
    return sys::read_memory(&from, 1, into, sizeof *into) == static_cast<long>(sizeof *into);
  };
  if (!read(address - sizeof head, &head)) return false;
  const std::uint64_t place = head.has_far_place != 0 ? head.far_place : head.place;
  const std::uint64_t group = address - kUnit * place - kUnit;
  std::uintptr_t meta = 0;
  if (!read(group, &meta) || !read(meta, &kept)) return false;
  return kept.group == group && ((kept.available | kept.freed) >> (head.slot & 31) & 1) == 0;
}

void* valloc(std::size_t size) { return aligned_alloc(page_bytes(), size); }

void* pvalloc(std::size_t size) {
  const std::size_t page = page_bytes();
  std::size_t bytes;
  if (__builtin_add_overflow(size, page - 1, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return valloc(bytes & ~(page - 1));
}

}  // namespace leakdir::allocator
