// SPDX-License-Identifier: BSL-1.0
#include "inheritance.hh"

#include "address_map.hh"
#include "clock.hh"
#include "ledger_file.hh"
#include "live_table.hh"
#include "recent_frees.hh"
#include "row.hh"
#include "system/allocator.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

using ledger::Block;
using ledger::BlockState;
using ledger::Kind;

char* array_start(Kind kind) {
  switch (kind) {
    case Kind::kNodes:
      return reinterpret_cast<char*>(ledger_file.node(0));
    case Kind::kThreads:
      return reinterpret_cast<char*>(ledger_file.thread(0));
    case Kind::kModules:
      return reinterpret_cast<char*>(ledger_file.module(0));
    default:
      return const_cast<char*>(ledger_file.text(0));
  }
}

void copy_bytes(char* to, const char* from, std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < bytes; ++i) to[i] = from[i];
}

// What lives there was handed out again after any free that is remembered. That is said of all of it: whether we find
// it as it was at the fork is not certain.
void forget_frees_around(std::uint64_t near) {
  for (std::uint64_t address = near; AddressMap::share(address, near); address += allocator::kAlignment) {
    forget_free(address);
  }
}

// What was known at the fork: `used` is our own memory. A row that the parent used again for the same address since may
// refer to more, which we have no copy of.
bool is_known(const Block& block) {
  const std::uint32_t thread = ledger::high16(block.word[1]);
  const std::uint32_t stack = ledger::block_stack(block.word[2], block.word[3]);
  return (thread == 0 || thread < ledger_file.used(Kind::kThreads)) &&
         (stack == 0 || stack < ledger_file.used(Kind::kNodes));
}

void settle_block(const Block& block, FreeRows* free_rows) {
  const unsigned flags = (ledger::block_flags(block.word[0]) | ledger::kFlagInherited) & ~ledger::kFlagFiled;
  // Freed by the parent since: its row still knows all but the time, the call and the early flag.
  const bool has_time = ledger::block_state(block.word[0]) == BlockState::kLive;
  const NewBlock live = {ledger::block_address(block.word[0]),
                         ledger::low48(block.word[1]),
                         ledger::low48(block.word[2]),
                         has_time ? ledger::low48(block.word[3]) : now_ticks(),
                         ledger::block_stack(block.word[2], block.word[3]),
                         static_cast<std::uint16_t>(ledger::high16(block.word[1])),
                         static_cast<ledger::Call>(ledger::block_call(block.word[0])),
                         flags};
  if (add_live_block(live, free_rows).row == 0) some_blocks_are_unknown();
}

}  // namespace

std::uint64_t Inheritance::bytes_of(const Copy& copy, Kind kind) {
  return std::uint64_t{copy.rows} * ledger::kRowBytes[static_cast<std::uint32_t>(kind)];
}

void Inheritance::count_block(std::uint64_t, std::uint32_t, void* inheritance) {
  ++static_cast<Inheritance*>(inheritance)->block_room_;
}

void Inheritance::keep_block(std::uint64_t near, std::uint32_t row, void* inheritance) {
  Inheritance& kept = *static_cast<Inheritance*>(inheritance);
  forget_frees_around(near);
  if (kept.block_count_ == kept.block_room_) return;
  Block& copy = kept.blocks_[kept.block_count_];
  copy = copy_row(row);
  const bool is_the_same = AddressMap::share(ledger::block_address(copy.word[0]), near) &&
                           state_word(row) == copy.word[0] &&
                           ledger::block_state(copy.word[0]) != BlockState::kReserved && is_known(copy);
  if (is_the_same) {
    ++kept.block_count_;
  } else {
    kept.some_are_lost_ = true;
  }
}

bool Inheritance::take() {
  parent_ = *ledger_file.header();
  for (unsigned i = 0; i < kCopies; ++i) {
    Copy& copy = copies_[i];
    copy.rows = ledger_file.used(kCopied[i]);
    copy.bytes = static_cast<char*>(sys::map_private(bytes_of(copy, kCopied[i]) + 1));
    if (copy.bytes == nullptr) return false;
    copy_bytes(copy.bytes, array_start(kCopied[i]), bytes_of(copy, kCopied[i]));
  }
  for_each_indexed(count_block, this);
  blocks_ = static_cast<Block*>(sys::map_private((block_room_ + 1) * sizeof(Block)));
  if (blocks_ == nullptr) return false;
  for_each_indexed(keep_block, this);
  return true;
}

bool Inheritance::settle_tables() const {
  for (unsigned i = 0; i < kCopies; ++i) {
    const Copy& copy = copies_[i];
    if (copy.rows == 0) continue;
    const std::uint32_t rest = copy.rows - 1;  // the first one is never taken
    if (rest != 0 && ledger_file.take(kCopied[i], rest) != 1) return false;
    copy_bytes(array_start(kCopied[i]), copy.bytes, bytes_of(copy, kCopied[i]));
  }
  return true;
}

void Inheritance::settle_blocks(FreeRows* free_rows) const {
  for (std::uint64_t i = 0; i < block_count_; ++i) settle_block(blocks_[i], free_rows);
  if (some_are_lost_) some_blocks_are_unknown();
  if (parent_.pauses != 0) forget_all_frees();  // the fork may have been in a pause, when blocks came unseen
}

Inheritance::~Inheritance() {
  for (unsigned i = 0; i < kCopies; ++i) {
    if (copies_[i].bytes != nullptr) sys::unmap(copies_[i].bytes, bytes_of(copies_[i], kCopied[i]) + 1);
  }
  if (blocks_ != nullptr) sys::unmap(blocks_, (block_room_ + 1) * sizeof(Block));
}

}  // namespace leakdir
