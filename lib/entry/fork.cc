// SPDX-License-Identifier: BSL-1.0
//
// What a forked child does at its first allocation. Until then it has cost nothing and touched nothing: its hooks read
// Phase::kForked in the page that the kernel wiped, and frees only take the address out of the index, which is private
// memory and shows what was live at the fork. The ledger is still the parent's, shared, and going on.
//
// So the child copies what it needs out of the parent's ledger, lets go of it, claims DIR/<pid>/ and fills a ledger of
// its own. A block that the parent freed and whose record it used again meanwhile cannot be described any more; it
// stays unrecorded, and to free it is no error.

#include <sys/mman.h>

#include <atomic>

#include "files/helper.hh"
#include "files/record_dir.hh"
#include "files/writer.hh"
#include "ledger/address_map.hh"
#include "ledger/ledger_file.hh"
#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "lifecycle.hh"
#include "stack/modules.hh"
#include "stack/stack_table.hh"
#include "system/allocator.hh"
#include "system/base.hh"
#include "system/guard.hh"
#include "system/loader.hh"
#include "system/messages.hh"
#include "system/process.hh"
#include "system/sys.hh"
#include "track/threads.hh"
#include "track/tracker.hh"

namespace leakdir {
namespace {

using ledger::Block;
using ledger::Kind;

// The arrays that never change once written: copied whole, so that every index in them stays right.
constexpr Kind kCopied[] = {Kind::kNodes, Kind::kThreads, Kind::kModules, Kind::kText};
constexpr unsigned kCopies = sizeof kCopied / sizeof *kCopied;

struct Copy {
  char* bytes;
  std::uint32_t records;
};

struct Inheritance {
  Copy copies[kCopies];
  ledger::Header header;
  Block* blocks;
  std::uint64_t block_count, block_room;
  bool some_are_lost;
};

std::uint64_t bytes_of(const Copy& copy, Kind kind) {
  return std::uint64_t{copy.records} * ledger::kRecordBytes[static_cast<std::uint32_t>(kind)];
}

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

void count_block(std::uint64_t, std::uint32_t, void* context) { ++static_cast<Inheritance*>(context)->block_room; }

// What lives there was handed out again after any free that is remembered. That is said of all of it: whether we find
// it as it was at the fork is not certain.
void forget_frees_around(std::uint64_t near) {
  for (std::uint64_t address = near; AddressMap::share(address, near); address += allocator::kAlignment) {
    forget_free(address);
  }
}

// What was known at the fork: `used` is our own memory. A record that the parent used again for the same address since
// may refer to more, which we have no copy of.
bool is_known(const Block& block) {
  const std::uint32_t thread = ledger::high16(block.word[1]);
  const std::uint32_t stack = ledger::block_stack(block.word[2], block.word[3]);
  return (thread == 0 || thread < ledger_file.used(Kind::kThreads)) &&
         (stack == 0 || stack < ledger_file.used(Kind::kNodes));
}

void keep_block(std::uint64_t near, std::uint32_t index, void* context) {
  Inheritance& kept = *static_cast<Inheritance*>(context);
  forget_frees_around(near);
  if (kept.block_count == kept.block_room) return;
  Block& copy = kept.blocks[kept.block_count];
  for (unsigned i = 0; i < 4; ++i) copy.word[i] = __atomic_load_n(&ledger_file.block(index)->word[i], __ATOMIC_ACQUIRE);
  const bool is_the_same = AddressMap::share(ledger::block_address(copy.word[0]), near) &&
                           __atomic_load_n(&ledger_file.block(index)->word[0], __ATOMIC_ACQUIRE) == copy.word[0] &&
                           ledger::block_state(copy.word[0]) != ledger::BlockState::kReserved && is_known(copy);
  if (is_the_same) {
    ++kept.block_count;
  } else {
    kept.some_are_lost = true;
  }
}

bool take_inheritance(Inheritance& kept) {
  kept.header = *ledger_file.header();
  for (unsigned i = 0; i < kCopies; ++i) {
    Copy& copy = kept.copies[i];
    copy.records = ledger_file.used(kCopied[i]);
    copy.bytes = static_cast<char*>(sys::map_private(bytes_of(copy, kCopied[i]) + 1));
    if (copy.bytes == nullptr) return false;
    copy_bytes(copy.bytes, array_start(kCopied[i]), bytes_of(copy, kCopied[i]));
  }
  for_each_indexed(count_block, &kept);
  kept.blocks = static_cast<Block*>(sys::map_private((kept.block_room + 1) * sizeof(Block)));
  if (kept.blocks == nullptr) return false;
  for_each_indexed(keep_block, &kept);
  return true;
}

bool settle(const Inheritance& kept) {
  for (unsigned i = 0; i < kCopies; ++i) {
    const Copy& copy = kept.copies[i];
    if (copy.records == 0) continue;
    const std::uint32_t rest = copy.records - 1;  // record 0 is never taken
    if (rest != 0 && ledger_file.take(kCopied[i], rest) != 1) return false;
    copy_bytes(array_start(kCopied[i]), copy.bytes, bytes_of(copy, kCopied[i]));
  }
  return true;
}

void let_go(const Inheritance& kept) {
  for (unsigned i = 0; i < kCopies; ++i) {
    if (kept.copies[i].bytes != nullptr) sys::unmap(kept.copies[i].bytes, bytes_of(kept.copies[i], kCopied[i]) + 1);
  }
  if (kept.blocks != nullptr) sys::unmap(kept.blocks, (kept.block_room + 1) * sizeof(Block));
}

// In ordinary memory: a child that another thread of this one forks meanwhile finds half a ledger, and this.
bool is_moving = false;

bool move_in(Inheritance& kept, ThreadState& thread, const ReentryGuard& guard) {
  // More than one thread has allocated, or libc cannot say that there was but one.
  loader_was_forked(!allocator::is_single_threaded() || ledger_file.used(Kind::kThreads) > 2);
  if (!take_inheritance(kept)) return false;
  is_moving = true;
  ledger_file.leave();
  clear_live_table();
  if (!claim_child_dir() || !settle(kept)) return false;
  describe_child(kept.header);
  process_generation = static_cast<std::uint32_t>(sys::pid());
  forget_threads();
  thread.generation = 0;  // in a new pid namespace a child may have its parent's pid
  ensure_thread(thread, guard);
  for (std::uint64_t i = 0; i < kept.block_count; ++i) inherit_block(kept.blocks[i]);
  if (kept.some_are_lost) some_blocks_are_unknown();
  if (kept.header.pauses != 0) forget_all_frees();  // the fork may have been in a pause, when blocks came unseen
  return true;
}

// After chroot() a directory would be made anew in the jail, where nobody looks for it. A server forks a child for each
// request: it is said once for all children of a parent, whose ledger is shared still.
bool has_a_place() {
  if (!root_is_another()) return true;
  if (__atomic_fetch_add(&ledger_file.header()->children_elsewhere, 1, __ATOMIC_RELAXED) == 0)
    messages::children_are_elsewhere();
  return false;
}

}  // namespace

LEAKDIR_SLOW bool start_in_child() {
  // In a handler that has interrupted a hook of the parent's, and has forked: the hook is to find things as they were.
  if (thread_state.is_nested()) return false;
  auto expected = static_cast<std::uint32_t>(Phase::kForked);
  if (!process->phase.compare_exchange_strong(expected, static_cast<std::uint32_t>(Phase::kSwitching))) {
    return expected == static_cast<std::uint32_t>(Phase::kRecording);
  }
  ThreadState& thread = thread_state;
  const ReentryGuard guard(thread);
  Inheritance kept = {};
  const bool has_parents_ledger = !is_moving;
  const bool recording = has_parents_ledger && ledger_file.header()->recording != 0;
  if (!has_parents_ledger || !records_children() || !has_a_place() || !move_in(kept, thread, guard)) {
    let_go(kept);
    if (has_parents_ledger) ledger_file.leave();
    // In ordinary memory: children of this child are to find it.
    early_process.phase.store(static_cast<std::uint32_t>(Phase::kOff));
    process = &early_process;
    return false;
  }
  is_moving = false;
  let_go(kept);
  ready_to_record(recording);
  return recording;
}

}  // namespace leakdir
