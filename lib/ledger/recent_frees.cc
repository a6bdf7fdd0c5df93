// SPDX-License-Identifier: BSL-1.0
#include "recent_frees.hh"

#include <atomic>

#include "ledger_file.hh"
#include "shared/ledger.hh"
#include "system/own_memory.hh"
#include "system/probe_table.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

// Three quantities in two words: address (48) | caller, bits 0 to 15; stack (32) | caller, bits 16 to 47.
// Threads whose heaps share a part may write the same entry at once: each word is one of theirs then, and the two may
// be of different frees: mostly their address bits tell. Nothing is ordered here, and nothing waits.
struct Entry {
  std::atomic<std::uint64_t> address_caller;
  std::atomic<std::uint64_t> stack_caller;
};
std::uint64_t load(const std::atomic<std::uint64_t>& word) { return word.load(std::memory_order_relaxed); }
void store(std::atomic<std::uint64_t>& word, std::uint64_t value) { word.store(value, std::memory_order_relaxed); }

// A part of the table for the addresses of each 64 MiB: glibc's arenas lie in regions of that size, so threads with
// arenas of their own write to different parts. Each free writes somewhere in its heap's part, so a part is small
// enough to stay in the cache.
constexpr unsigned kRegionBits = 26;
constexpr std::uint64_t kParts = 16;
constexpr std::uint64_t kPartEntries = 2048;
constexpr std::uint64_t kEntries = kParts * kPartEntries;
Entry* entries = nullptr;

// Blocks that are neighbours in the heap have entries that are neighbours.
Entry& entry_of(std::uint64_t address) {
  const std::uint64_t part = mix(address >> kRegionBits) % kParts;
  return entries[part * kPartEntries + (address >> 5) % kPartEntries];
}

std::atomic<bool> unknown_blocks{false};

}  // namespace

void some_blocks_are_unknown() {
  if (unknown_blocks.load(std::memory_order_relaxed)) return;
  unknown_blocks.store(true, std::memory_order_relaxed);
  if (ledger_file.header() != nullptr) ledger_file.header()->some_unknown = 1;
}

bool all_blocks_are_known() { return !unknown_blocks.load(std::memory_order_relaxed); }

void open_recent_frees() {
  if (entries != nullptr) return;
  entries = static_cast<Entry*>(sys::map_private(kEntries * sizeof(Entry)));
  memory_is_own(entries, kEntries * sizeof(Entry));
}

void remember_free(std::uint64_t address, const FreedBlock& block) {
  if (entries == nullptr) return;
  Entry& entry = entry_of(address);
  store(entry.address_caller, ledger::block_word(address, block.freed_by & 0xffff));
  store(entry.stack_caller, block.stack | (block.freed_by >> 16) << 32);
}

void forget_free(std::uint64_t address) {
  if (entries == nullptr) return;
  Entry& entry = entry_of(address);
  if (ledger::low48(load(entry.address_caller)) == address) store(entry.address_caller, 0);
}

void block_is_unknown(std::uint64_t address) {
  some_blocks_are_unknown();
  forget_free(address);
}

bool was_freed(std::uint64_t address, FreedBlock* into) {
  if (entries == nullptr || address == 0) return false;
  const Entry& entry = entry_of(address);
  const std::uint64_t address_caller = load(entry.address_caller), stack_caller = load(entry.stack_caller);
  if (ledger::low48(address_caller) != address) return false;
  into->stack = static_cast<std::uint32_t>(stack_caller);
  into->freed_by = ledger::high16(address_caller) | stack_caller >> 32 << 16;
  return true;
}

void forget_all_frees() {
  for (std::uint64_t i = 0; entries != nullptr && i < kEntries; ++i) {
    store(entries[i].address_caller, 0);
    store(entries[i].stack_caller, 0);
  }
}

}  // namespace leakdir
