// SPDX-License-Identifier: BSL-1.0
//
// What a compiler may call without being asked, to copy or clear a large struct: ours, so that the helper thread, which
// has no thread-local data, never comes into the dynamic loader to look for libc's. Small and plain, for hardly
// anything calls them. libc's own malloc.o in leakdir-static.o has libc's.

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
