// SPDX-License-Identifier: BSL-1.0
//
// The functions that a compiler may call without being asked, to copy or clear a large struct. They are our own,
// because the helper thread, which has no thread-local data, must not get into the dynamic loader that looks for
// libc's. They are small and plain, as hardly anything calls them. In leakdir-static.o, libc's malloc.o calls libc's.

#include <cstddef>

namespace {

// Keeps the compiler from making a call of memcpy out of memcpy.
inline void as_it_is_written() { __asm__ volatile("" ::: "memory"); }

}  // namespace

extern "C" {

__attribute__((visibility("hidden"), used)) void* memcpy(void* into, const void* from, std::size_t bytes) {
  auto* to = static_cast<unsigned char*>(into);
  const auto* source = static_cast<const unsigned char*>(from);
  for (std::size_t i = 0; i < bytes; ++i) {
    to[i] = source[i];
    as_it_is_written();
  }
  return into;
}

__attribute__((visibility("hidden"), used)) void* memset(void* into, int value, std::size_t bytes) {
  auto* to = static_cast<unsigned char*>(into);
  for (std::size_t i = 0; i < bytes; ++i) {
    to[i] = static_cast<unsigned char>(value);
    as_it_is_written();
  }
  return into;
}
}
