// SPDX-License-Identifier: BSL-1.0
#include "inherited.hh"

#include <atomic>

#include "ledger/clock.hh"
#include "ledger/inheritance.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "shared/record.hh"
#include "stack/stack_table.hh"
#include "system/base.hh"

namespace leakdir {
namespace {

using ledger::Block;

ExchangedBool are_settled{true};

constexpr unsigned kLongestChain = kMaxFrames + 2;  // with a place, and operator new

// False: no more is known of it than its address.
bool describe(std::uint64_t address, std::uint32_t row, NewBlock* into) {
  Block block;
  *into = {address, 0, 0, now_ticks(), 0, 0, ledger::Call::kMalloc, ledger::kFlagInherited | ledger::kFlagIgnored};
  if (!find_inherited_block(address, row, &block)) return false;
  // Freed by the parent since: its row still knows all but the time, the call and the early flag.
  const bool has_time = ledger::block_state(block.word[0]) == ledger::BlockState::kLive;
  *into = {ledger::block_address(block.word[0]),
           ledger::low48(block.word[1]),
           ledger::low48(block.word[2]),
           has_time ? ledger::low48(block.word[3]) : now_ticks(),
           own_stack(ledger::block_stack(block.word[2], block.word[3])),
           own_thread_of(row, ledger::high16(block.word[1])),
           static_cast<ledger::Call>(ledger::block_call(block.word[0])),
           (ledger::block_flags(block.word[0]) | ledger::kFlagInherited) & ~ledger::kFlagFiled};
  return true;
}

}  // namespace

std::uint32_t own_stack(std::uint32_t stack) {
  std::uint32_t chain[kLongestChain];
  unsigned length = 0;
  std::uint32_t own = 0;
  for (; length < kLongestChain; ++length) {
    const ledger::Node* const node = inherited_node(stack);
    if (node == nullptr) break;
    const std::uint32_t* const known = own_node_of(stack);
    if (known != nullptr && (own = __atomic_load_n(known, __ATOMIC_RELAXED)) != 0) break;
    chain[length] = stack;
    stack = node->parent;
  }
  // What is left is 0, or a node of our own, or of an ancestor too far back.
  if (own == 0 && stack >= ledger_file.first(ledger::Kind::kNodes)) own = stack;
  while (length != 0) {
    const std::uint32_t node = chain[--length];
    own = node_like(*inherited_node(node), own);
    if (own == 0) return 0;
    std::uint32_t* const known = own_node_of(node);
    if (known != nullptr) __atomic_store_n(known, own, __ATOMIC_RELAXED);
  }
  return own;
}

void begin_to_inherit() {
  describe_inherited = describe;
  are_settled.store(false);
}

void settle_inherited_blocks() {
  if (!are_settled.exchange(true)) adopt_inherited_blocks();
}

}  // namespace leakdir
