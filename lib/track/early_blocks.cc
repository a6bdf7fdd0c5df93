// SPDX-License-Identifier: BSL-1.0
#include "early_blocks.hh"

#include <atomic>

#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "new_block.hh"
#include "stack/scratch.hh"
#include "stack/stack.hh"
#include "system/base.hh"
#include "system/guard.hh"
#include "threads.hh"

namespace leakdir {
namespace {

using ledger::Call;

struct EarlyBlock {
  std::atomic<std::uint64_t>
      not_address;  // ~address: no pointer, to who looks for pointers to blocks. 0: none, or freed
  std::uint64_t size;
  std::uintptr_t caller;
  Call call;
};
constexpr unsigned kEarlyBlocks = 128;
LEAKDIR_LARGE EarlyBlock early_blocks[kEarlyBlocks];
std::atomic<unsigned> early_count{0};

std::uint64_t address_of(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

}  // namespace

LEAKDIR_SLOW void note_early_block(const void* block, std::size_t size, Call call, Caller caller) {
  const unsigned i = early_count.fetch_add(1, std::memory_order_relaxed);
  if (i >= kEarlyBlocks) return some_blocks_are_unknown();
  early_blocks[i].size = size;
  early_blocks[i].caller = caller.pc();
  early_blocks[i].call = call;
  early_blocks[i].not_address.store(~address_of(block), std::memory_order_release);
}

LEAKDIR_SLOW void forget_early_block(const void* block) {
  for (EarlyBlock& early : early_blocks) {
    if (early.not_address.load(std::memory_order_relaxed) == ~address_of(block)) early.not_address.store(0);
  }
}

void import_early_blocks() {
  if (is_sampling()) return;  // they are none of the sample
  ThreadState& thread = thread_state;
  const ReentryGuard guard;
  ensure_thread(thread, guard);
  const unsigned count = early_count.load(std::memory_order_acquire);
  for (unsigned i = 0; i < count && i < kEarlyBlocks; ++i) {
    const EarlyBlock& early = early_blocks[i];
    const std::uint64_t not_address = early.not_address.load(std::memory_order_acquire);
    if (not_address == 0) continue;
    count_allocation(thread);
    Captured captured = capture_caller(early.caller, early.call);
    captured.add_flags(ledger::kFlagLibc);
    if (!has_room_for_size(captured, early.size)) {
      some_blocks_are_unknown();
      continue;
    }
    const NewBlock live = new_block(~not_address, early.size, captured, next_birth(thread));
    if (add_live_block(live, free_rows_of(thread.scratch)).row == 0) some_blocks_are_unknown();
  }
}

}  // namespace leakdir
