// SPDX-License-Identifier: BSL-1.0
#include "recent_frees.hh"

#include "ledger_file.hh"
#include "system/own_memory.hh"
#include "system/sys.hh"

namespace leakdir {

RecentFree* recent_frees = nullptr;

namespace {

constexpr std::uint64_t kEntries = std::uint64_t{kFreesParts} << kFreesPartBits;

std::uint64_t load(const std::atomic<std::uint64_t>& word) { return word.load(std::memory_order_relaxed); }
void store(std::atomic<std::uint64_t>& word, std::uint64_t value) { word.store(value, std::memory_order_relaxed); }

std::atomic<bool> unknown_blocks{false};

}  // namespace

void some_blocks_are_unknown() {
  if (unknown_blocks.load(std::memory_order_relaxed)) return;
  unknown_blocks.store(true, std::memory_order_relaxed);
  if (ledger_file.header() != nullptr) ledger_file.header()->some_unknown = 1;
}

bool all_blocks_are_known() { return !unknown_blocks.load(std::memory_order_relaxed); }

void open_recent_frees() {
  if (recent_frees != nullptr) return;
  recent_frees = static_cast<RecentFree*>(sys::map_private(kEntries * sizeof(RecentFree)));
  memory_is_own(recent_frees, kEntries * sizeof(RecentFree));
}

void forget_free(std::uint64_t address) {
  if (recent_frees == nullptr) return;
  RecentFree& entry = recent_free_of(recent_frees, address);
  if (load(entry.address_stack) >> 16 == address) store(entry.address_stack, 0);
}

void block_is_unknown(std::uint64_t address) {
  some_blocks_are_unknown();
  forget_free(address);
}

bool was_freed(std::uint64_t address, FreedBlock* into) {
  if (recent_frees == nullptr || address == 0) return false;
  const RecentFree& entry = recent_free_of(recent_frees, address);
  const std::uint64_t address_stack = load(entry.address_stack), caller_stack = load(entry.caller_stack);
  if (address_stack >> 16 != address) return false;
  into->stack = ledger::block_stack(address_stack << 48 | (caller_stack & 0xffff) << 32);
  into->freed_by = caller_stack >> 16;
  return true;
}

void forget_all_frees() {
  for (std::uint64_t i = 0; recent_frees != nullptr && i < kEntries; ++i) {
    store(recent_frees[i].address_stack, 0);
    store(recent_frees[i].caller_stack, 0);
  }
}

}  // namespace leakdir
