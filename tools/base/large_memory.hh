// SPDX-License-Identifier: BSL-1.0
//
// Memory of which much is used at once: the kernel makes a page of it 500 times less often if it is told so.

#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace leakdir::tool {

// That all of it will be used soon. To be said before it is; changes nothing else, and may be of no effect.
inline void expect_use(void* memory, std::size_t bytes) {
  constexpr std::uintptr_t kPage = 4096, kLarge = 4 << 20;
  const auto start = (reinterpret_cast<std::uintptr_t>(memory) + kPage - 1) & ~(kPage - 1);
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) & ~(kPage - 1);
  if (end > start && end - start >= kLarge) madvise(reinterpret_cast<void*>(start), end - start, MADV_HUGEPAGE);
}

// Room for so many, if that is not too many to believe a file.
template <class T>
void reserve_for_use(std::vector<T>& list, std::uint64_t count) {
  constexpr std::uint64_t kMost = 4 << 20;
  if (count > kMost) count = kMost;
  list.reserve(static_cast<std::size_t>(count));
  expect_use(list.data(), static_cast<std::size_t>(count) * sizeof(T));
}

}  // namespace leakdir::tool
