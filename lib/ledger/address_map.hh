// SPDX-License-Identifier: BSL-1.0
//
// From the address of a block to its row in the ledger: a cell of 32 bits for each stretch of memory that is as long
// as the smallest block of the allocator, so that no two live blocks begin in one. Blocks that are neighbours have
// cells that are neighbours: a program that goes through its memory in order goes through the cells in order. Nothing
// is hashed, moved or locked, and a search reads three words.
//
// The cells of 16 MiB lie in a leaf of 2 MiB (4 MiB where pointers have 32 bits, 8 MiB upon another allocator than
// glibc's), of which only what was touched costs memory: an eighth of the heap at most (a quarter, a half). Leaves come
// from mmap, are found through two levels of tables, and are never given back. Any number of threads, and handlers that
// interrupt them; 0 is a cell that is not in use.

#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "leaf_cache.hh"
#include "system/allocator.hh"
#include "system/base.hh"
#include "system/own_memory.hh"
#include "system/sys.hh"

namespace leakdir {

class AddressMap {
 public:
  using Cell = std::atomic<std::uint32_t>;

  // The stretch that a cell stands for is 1 << this: known when this is compiled, or when the allocator is.
  static unsigned stretch_bits() { return allocator::distance_bits(); }

  // Whether two addresses share a cell.
  static bool share(std::uint64_t a, std::uint64_t b) { return a >> stretch_bits() == b >> stretch_bits(); }

  // The cell of an address, which may be any word at all; null where no block has ever been.
  Cell* find(std::uint64_t address) const {
    const std::uint64_t in_root = address >> (kTableBits + kLeafBits);
    if (LEAKDIR_UNLIKELY(in_root >= kTableEntries)) return nullptr;
    const Table* table = root_[in_root].load(std::memory_order_acquire);
    if (LEAKDIR_UNLIKELY(table == nullptr)) return nullptr;
    Cell* leaf = table->leaf[address >> kLeafBits & (kTableEntries - 1)].load(std::memory_order_acquire);
    return LEAKDIR_UNLIKELY(leaf == nullptr) ? nullptr : leaf + cell_in_leaf(address);
  }

  // The same, made if need be; null when there is no memory for it.
  Cell* find_or_make(std::uint64_t address) {
    Cell* cell = find(address);
    return LEAKDIR_LIKELY(cell != nullptr) ? cell : make(address);
  }

  // The same, by what the thread knows: whether that is enough, and what it is then.
  static bool is_known(const LeafCache& cache, std::uint64_t address) {
    return cache.known[address >> kLeafBits & (LeafCache::kLeaves - 1)].number == address >> kLeafBits;
  }
  static Cell* find_known(const LeafCache& cache, std::uint64_t address) {
    return cache.known[address >> kLeafBits & (LeafCache::kLeaves - 1)].leaf + cell_in_leaf(address);
  }
  // … and it learns.
  Cell* find(LeafCache& cache, std::uint64_t address) const {
    LeafCache::Known& known = cache.known[address >> kLeafBits & (LeafCache::kLeaves - 1)];
    if (LEAKDIR_LIKELY(known.number == address >> kLeafBits)) return known.leaf + cell_in_leaf(address);
    return learn_leaf(known, address, find(address));
  }
  Cell* find_or_make(LeafCache& cache, std::uint64_t address) {
    LeafCache::Known& known = cache.known[address >> kLeafBits & (LeafCache::kLeaves - 1)];
    if (LEAKDIR_LIKELY(known.number == address >> kLeafBits)) return known.leaf + cell_in_leaf(address);
    return learn_leaf(known, address, find_or_make(address));
  }

  // Calls `visit(start of the stretch, cell)` for each cell in use. Nobody else may use the map meanwhile.
  template <typename Visit>
  void for_each(Visit visit) const {
    for_each_leaf([&](std::uint64_t start, Cell* leaf) {
      for (std::uint64_t i = 0; i < leaf_cells(); ++i) {
        if (leaf[i].load(std::memory_order_relaxed) != 0) visit(start + (i << stretch_bits()), leaf[i]);
      }
    });
  }

  // How much memory for_each() may look through.
  std::uint64_t bytes() const { return leaves_.load(std::memory_order_relaxed) * leaf_bytes(); }

  // Forgets everything. Nobody else may use the map meanwhile.
  void clear() {
    for_each_leaf([](std::uint64_t, Cell* leaf) {
      if (sys::advise(leaf, leaf_bytes(), MADV_DONTNEED) == 0) return;
      for (std::uint64_t i = 0; i < leaf_cells(); ++i) {  // locked in memory: not to be made memory as a whole
        if (leaf[i].load(std::memory_order_relaxed) != 0) leaf[i].store(0, std::memory_order_relaxed);
      }
    });
  }

 private:
  static constexpr unsigned kAddressBits = 48;
  static constexpr unsigned kLeafBits = 24;
  static constexpr unsigned kTableBits = 12;
  static constexpr std::uint64_t kTableEntries = 1 << kTableBits;
  static std::uint64_t leaf_cells() { return std::uint64_t{1} << (kLeafBits - stretch_bits()); }
  static std::size_t leaf_bytes() { return leaf_cells() * sizeof(Cell); }

  struct Table {
    std::atomic<Cell*> leaf[kTableEntries];
  };

  static std::uint64_t cell_in_leaf(std::uint64_t address) { return (address >> stretch_bits()) & (leaf_cells() - 1); }

  static Cell* learn_leaf(LeafCache::Known& known, std::uint64_t address, Cell* cell) {
    if (LEAKDIR_LIKELY(cell != nullptr)) known = {address >> kLeafBits, cell - cell_in_leaf(address)};
    return cell;
  }

  template <typename Visit>
  void for_each_leaf(Visit visit) const {
    for (std::uint64_t i = 0; i < kTableEntries; ++i) {
      const Table* table = root_[i].load(std::memory_order_acquire);
      for (std::uint64_t j = 0; table != nullptr && j < kTableEntries; ++j) {
        Cell* leaf = table->leaf[j].load(std::memory_order_acquire);
        if (leaf != nullptr) visit((i << kTableBits | j) << kLeafBits, leaf);
      }
    }
  }

  // Where two threads do this at once, one of them makes it, and both have it.
  template <typename T>
  static T* install(std::atomic<T*>& entry, std::size_t bytes) {
    T* there = entry.load(std::memory_order_acquire);
    if (there != nullptr) return there;
    void* memory = sys::map_private(bytes);
    if (memory == nullptr) return entry.load(std::memory_order_acquire);
    // A huge page for a leaf would cost 2 MiB where a few KiB are in use.
    if (bytes == leaf_bytes()) sys::advise(memory, bytes, MADV_NOHUGEPAGE);
    if (entry.compare_exchange_strong(there, static_cast<T*>(memory), std::memory_order_acq_rel)) {
      memory_is_own(memory, bytes);
      return static_cast<T*>(memory);
    }
    sys::unmap(memory, bytes);
    return there;
  }

  LEAKDIR_SLOW Cell* make(std::uint64_t address) {
    if (address >> kAddressBits != 0) return nullptr;
    Table* table = install(root_[address >> (kTableBits + kLeafBits)], sizeof(Table));
    if (table == nullptr) return nullptr;
    Cell* leaf = install(table->leaf[address >> kLeafBits & (kTableEntries - 1)], leaf_bytes());
    leaves_.fetch_add(1, std::memory_order_relaxed);
    return leaf == nullptr ? nullptr : leaf + cell_in_leaf(address);
  }

  std::atomic<Table*> root_[kTableEntries];
  std::atomic<std::uint64_t> leaves_;  // or a few more, that two threads have made at once
};

}  // namespace leakdir
