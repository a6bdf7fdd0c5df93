// SPDX-License-Identifier: BSL-1.0
#include "history.hh"

#include <atomic>

#include "ledger.hh"
#include "probe_table.hh"
#include "sys.hh"

namespace leakdir {
namespace {

// Three quantities in two words: address (48) | caller, bits 0 to 15; stack (32) | caller, bits 16 to 47.
struct Entry {
  std::uint64_t address_caller;
  std::uint64_t stack_caller;
};
constexpr std::uint64_t kEntries = 4096;
Entry* entries = nullptr;

// Neighbours of the heap are neighbours here, so that threads with arenas of their own share no cache line.
Entry& entry_of(std::uint64_t address) { return entries[((address >> 5) ^ mix(address >> 19)) % kEntries]; }

std::atomic<bool> unknown_blocks{false};

}  // namespace

void some_blocks_are_unknown() {
  if (!unknown_blocks.load(std::memory_order_relaxed)) unknown_blocks.store(true, std::memory_order_relaxed);
}

bool all_blocks_are_known() { return !unknown_blocks.load(std::memory_order_relaxed); }

void open_history() {
  if (entries == nullptr) entries = static_cast<Entry*>(sys::map_private(kEntries * sizeof(Entry)));
}

void remember_free(std::uint64_t address, const FreedBlock& block) {
  if (entries == nullptr) return;
  Entry& entry = entry_of(address);
  entry.address_caller = ledger::block_word(address, block.freed_by & 0xffff);
  entry.stack_caller = block.stack | (block.freed_by >> 16) << 32;
}

void forget_free(std::uint64_t address) {
  if (entries == nullptr) return;
  Entry& entry = entry_of(address);
  if (ledger::low48(entry.address_caller) == address) entry.address_caller = 0;
}

bool was_freed(std::uint64_t address, FreedBlock* into) {
  if (entries == nullptr || address == 0) return false;
  const Entry entry = entry_of(address);
  if (ledger::low48(entry.address_caller) != address) return false;
  into->stack = static_cast<std::uint32_t>(entry.stack_caller);
  into->freed_by = ledger::high16(entry.address_caller) | entry.stack_caller >> 32 << 16;
  return true;
}

void forget_all_frees() {
  for (std::uint64_t i = 0; entries != nullptr && i < kEntries; ++i) entries[i] = {};
}

}  // namespace leakdir
