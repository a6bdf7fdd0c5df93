// SPDX-License-Identifier: BSL-1.0
#include "own_memory.hh"

#include <atomic>

#include "sys.hh"

namespace leakdir {
namespace {

std::atomic<OwnMemory*> table{nullptr};
std::atomic<std::size_t> used{0};

OwnMemory* make_table() {
  OwnMemory* there = table.load(std::memory_order_acquire);
  if (there != nullptr) return there;
  constexpr std::size_t kBytes = kMostOwnMemory * sizeof(OwnMemory);
  auto* made = static_cast<OwnMemory*>(sys::map_private(kBytes));
  if (made == nullptr || table.compare_exchange_strong(there, made)) return made;
  sys::unmap(made, kBytes);
  return there;
}

OwnMemory* entry_at(const void* at) {
  OwnMemory* const entries = table.load(std::memory_order_acquire);
  const std::size_t count = used.load(std::memory_order_relaxed);
  for (std::size_t i = 0; at != nullptr && entries != nullptr && i < count && i < kMostOwnMemory; ++i)
    if (entries[i].start == reinterpret_cast<std::uintptr_t>(at)) return &entries[i];
  return nullptr;
}

}  // namespace

void memory_is_own(const void* at, std::size_t bytes) {
  OwnMemory* const entries = at == nullptr ? nullptr : make_table();
  if (entries == nullptr) return;
  const std::size_t i = used.fetch_add(1, std::memory_order_relaxed);
  if (i >= kMostOwnMemory) return;
  const auto start = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(at));
  __atomic_store_n(&entries[i].start, start, __ATOMIC_RELAXED);
  __atomic_store_n(&entries[i].end, start + bytes, __ATOMIC_RELEASE);
}

void own_memory_grew(const void* at, std::size_t bytes) {
  OwnMemory* const entry = entry_at(at);
  if (entry != nullptr) __atomic_store_n(&entry->end, entry->start + bytes, __ATOMIC_RELEASE);
}

void memory_is_given_back(const void* at) {
  for (OwnMemory* entry; (entry = entry_at(at)) != nullptr;) {
    __atomic_store_n(&entry->end, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->start, 0, __ATOMIC_RELAXED);
  }
}

const OwnMemory* own_memory() { return table.load(std::memory_order_acquire); }

}  // namespace leakdir
