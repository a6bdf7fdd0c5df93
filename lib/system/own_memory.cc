// SPDX-License-Identifier: BSL-1.0
#include "own_memory.hh"

#include <sys/auxv.h>

#include <atomic>

#include "sys.hh"

namespace leakdir {
namespace {

std::atomic<OwnMemory*> table{nullptr};
std::atomic<std::size_t> used{0};
std::atomic<std::size_t> given_back{0};  // of those, free again; some of them, after two threads met

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

// False: it is another's.
bool take_entry(OwnMemory& entry, std::uint64_t start, std::uint64_t end) {
  std::uint64_t none = 0;
  if (!__atomic_compare_exchange_n(&entry.start, &none, start, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return false;
  __atomic_store_n(&entry.end, end, __ATOMIC_RELEASE);
  return true;
}

// False: there is none.
bool take_one_given_back(OwnMemory* entries, std::uint64_t start, std::uint64_t end) {
  std::size_t there = given_back.load(std::memory_order_relaxed);
  do {
    if (there == 0) return false;
  } while (!given_back.compare_exchange_weak(there, there - 1, std::memory_order_relaxed));
  const std::size_t count = used.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count && i < kMostOwnMemory; ++i)
    if (take_entry(entries[i], start, end)) return true;
  return false;
}

}  // namespace

void memory_is_own(const void* at, std::size_t bytes) {
  const std::size_t told = ::getauxval(AT_PAGESZ), page = told != 0 ? told : 4096;
  data_are_own(at, (bytes + page - 1) & ~(page - 1));
}

void data_are_own(const void* at, std::size_t bytes) {
  OwnMemory* const entries = at == nullptr ? nullptr : make_table();
  if (entries == nullptr) return;
  const auto start = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(at));
  if (take_one_given_back(entries, start, start + bytes)) return;
  // Who takes one that was given back may have taken ours.
  for (std::size_t i; (i = used.fetch_add(1, std::memory_order_relaxed)) < kMostOwnMemory;)
    if (take_entry(entries[i], start, start + bytes)) return;
}

void own_memory_grew(const void* at, std::size_t bytes) {
  OwnMemory* const entry = entry_at(at);
  if (entry != nullptr) __atomic_store_n(&entry->end, entry->start + bytes, __ATOMIC_RELEASE);
}

void memory_is_given_back(const void* at) {
  for (OwnMemory* entry; (entry = entry_at(at)) != nullptr;) {
    __atomic_store_n(&entry->end, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->start, 0, __ATOMIC_RELEASE);
    given_back.fetch_add(1, std::memory_order_relaxed);
  }
}

const OwnMemory* own_memory() { return table.load(std::memory_order_acquire); }

}  // namespace leakdir
