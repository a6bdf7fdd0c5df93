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

constexpr unsigned kLongestChain = kMaxFrames + 3;  // with a size, a place, and operator new

// False: no more is known of it than its address.
bool describe(std::uint64_t address, std::uint32_t row, NewBlock* into) {
  Block block;
  *into = {address, ledger::flag_bits(ledger::kFlagInherited | ledger::kFlagIgnored), 0, 0};
  if (!find_inherited_block(address, row, &block)) return false;
  const std::uint32_t inherited_stack = ledger::block_stack(block.word[1]);
  const ledger::Node* const first = inherited_node(inherited_stack);
  const std::uint32_t stack = own_stack(inherited_stack);
  if (stack == 0 && first != nullptr && ledger::is_size_node(*first)) return false;
  // Freed by the parent since: its row still knows all but the time, the call and the early flag. In whose period it
  // was is known.
  const bool has_time = ledger::block_state(block.word[0]) == ledger::BlockState::kLive;
  const std::uint64_t time = has_time ? ledger::block_time(block.word[1]) : 0;
  const std::uint16_t thread = own_thread_of(row, ledger::block_thread(block));
  const unsigned flags = (ledger::block_flags(block.word[0]) | ledger::kFlagInherited) & ~ledger::kFlagFiled;
  const auto call = static_cast<ledger::Call>(ledger::block_call(block.word[0]));
  *into = {
      ledger::block_address(block.word[0]), ledger::block_word0(0, ledger::BlockState::kEmpty, call, flags),
      ledger::block_word1(stack, time, thread),
      ledger::block_word2(ledger::block_sequence(block.word[2]), thread, ledger::block_size_in_row(block.word[2]))};
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
