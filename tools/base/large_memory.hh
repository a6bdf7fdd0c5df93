// SPDX-License-Identifier: BSL-1.0
//
// Memory of which much is used at once: the kernel makes a page of it 500 times less often if it is told so.

#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>
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

// Several pieces that are used at the same time lie together.
class MemoryForUse {
 public:
  // About what all of them come to.
  explicit MemoryForUse(std::size_t bytes) : usual_(bytes) {}
  // Zeros, aligned for anything. It stays as long as this does.
  void* take(std::size_t bytes) {
    bytes = (bytes + kAlignment - 1) & ~(kAlignment - 1);
    if (bytes > left_) {
      left_ = bytes > usual_ ? bytes : usual_;
      parts_.emplace_back(std::calloc(left_, 1));
      next_ = static_cast<char*>(parts_.back().get());
      if (next_ == nullptr) throw std::bad_alloc();
      expect_use(next_, left_);
    }
    left_ -= bytes;
    return std::exchange(next_, next_ + bytes);
  }

 private:
  static constexpr std::size_t kAlignment = alignof(std::max_align_t);
  std::size_t usual_, left_ = 0;
  char* next_ = nullptr;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::vector<std::unique_ptr<void, Free>> parts_;  // (of the kernel's pages calloc knows that they are zeros)
};

}  // namespace leakdir::tool
