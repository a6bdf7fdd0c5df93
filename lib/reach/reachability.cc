// SPDX-License-Identifier: BSL-1.0
#include "reachability.hh"

#include <algorithm>
#include <new>
#include <type_traits>

#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "ledger/row.hh"
#include "ledger/usable_size.hh"
#include "own_process.hh"
#include "readable_by_all.hh"
#include "shared/reach_heap_musl.hh"
#include "shared/reach_mark.hh"
#include "shared/reach_roots.hh"
#include "shared/reach_stacks.hh"
#include "shared/reach_usable.hh"
#include "stdio_buffers.hh"
#include "system/allocator.hh"
#include "system/libc.hh"
#include "system/own_memory.hh"
#include "system/process.hh"

namespace leakdir {
namespace {

using ledger::ReachLook;
using reach::HeapBlock;
using Marker = reach::Marker<std::uintptr_t, OwnProcess>;
using Heaps = std::conditional_t<libc::kIsMusl, reach::MuslHeap<std::uintptr_t, OwnProcess>,
                                 reach::Heaps<std::uintptr_t, OwnProcess>>;

constexpr std::size_t kMostHoles = 65536;

bool is_live(std::uint64_t word0) { return ledger::block_state(word0) == ledger::BlockState::kLive; }

// Sorted by address; how many there are comes out in `count`. Null: no memory.
HeapBlock* live_blocks(WorkMemory& memory, std::uint32_t* count) {
  const RowRange rows = all_block_rows();
  std::uint32_t live = 0;
  for_each_row(rows, [&](std::uint32_t row) { live += is_live(state_word(row)) ? 1 : 0; });
  auto* const blocks = memory.take_array<HeapBlock>(live);
  *count = 0;
  if (blocks == nullptr) return nullptr;
  for_each_row(rows, [&](std::uint32_t row) {
    const ledger::Block copy = copy_row(row);
    if (!is_live(copy.word[0]) || *count == live) return;
    const auto call = static_cast<ledger::Call>(ledger::block_call(copy.word[0]));
    const unsigned flags = ledger::block_flags(copy.word[0]);
    blocks[(*count)++] = reach::heap_block_of(ledger::block_address(copy.word[0]), size_of(copy), call, flags, row);
  });
  std::sort(blocks, blocks + *count, [](const HeapBlock& a, const HeapBlock& b) { return a.address < b.address; });
  return blocks;
}

// What malloc writes into a block of its thread's cache. Such a block looks as if it were in use, which matters where
// not all blocks are known.
std::uint64_t learn_freed_mark() {
  auto* const block = static_cast<std::uintptr_t*>(allocator::malloc(2 * sizeof(std::uintptr_t)));
  if (block == nullptr) return 0;
  std::uintptr_t* volatile hidden = block;  // the compiler knows that it is gone
  allocator::free(block);
  return hidden[1];
}

void leave_out_stdio_buffers(const reach::BlockTable& table) {
  for_each_stdio_buffer([&](std::uintptr_t buffer) {
    const std::uint32_t i = table.find(buffer);
    if (i != reach::kNoBlock && table[i].address == buffer) table[i].set(HeapBlock::kNoPointers);
  });
}

// The thread pointer of this thread, at which glibc keeps what it knows of it.
std::uint64_t this_thread() {
#if defined(__x86_64__)
  std::uint64_t thread;
  __asm__("movq %%fs:0, %0" : "=r"(thread));
  return thread;
#else
  return 0;  // there, the stack of a thread that has ended is not told
#endif
}

// The stack that this thread runs on; empty: not known. `room`: kMostOfThread bytes.
reach::Stretch this_stack(std::uint64_t sp, OwnProcess& process, char* room) {
  const reach::Mapping* const mapping = process.mappings().find(sp);
  if (mapping != nullptr && mapping->has(reach::Mapping::kStack)) return {mapping->start, mapping->end};
  const std::uint64_t here = this_thread();
  if (here == 0 || libc::kIsMusl) return {0, 0};
  return reach::stack_told_at(process, sizeof(void*), room, here, sp, here);
}

// What lies beyond its end.
void add_stack_below(const ThreadAtExit& thread, OwnProcess& process, char* room, reach::Holes& holes) {
  const reach::Stretch stack = this_stack(thread.sp, process, room);
  if (stack.start >= stack.end) return;
  bool is_on_part = false;
  const auto look = [&](reach::Stretch told) { is_on_part |= reach::is_on_part(told, stack, thread.sp); };
  reach::ContextSearch<OwnProcess> contexts = {process, process.mappings(), sizeof(void*),
                                               reach::context_layout(ledger_file.header()->machine), room};
  // Not in the frames from exit() down to this function and those that it calls: what is ours there may look like one.
  constexpr std::uint64_t kOfOurs = 4096;
  const std::uint64_t here = reinterpret_cast<std::uintptr_t>(&contexts) - kOfOurs;
  const bool is_here = here - stack.start < stack.end - stack.start && here < thread.sp;
  contexts.look({stack.start, is_here ? here : stack.start}, stack, look);
  contexts.look({is_here ? thread.sp : stack.start, stack.end}, stack, look);
  contexts.look_in_data(stack, look);
  if (!is_on_part) holes.add({stack.start, thread.sp});
}

// visit(reach::EndedThread), for each. `room`: kMostOfThread bytes.
template <class Visit>
void for_each_ended_thread(OwnProcess& process, char* room, Visit visit) {
  const std::uint64_t here = this_thread();
  const reach::Mappings& mappings = process.mappings();
  for (std::size_t i = 0; here != 0 && i < mappings.count; ++i) {
    reach::for_each_ended_thread_on(
        process, sizeof(void*), room, mappings.first[i], [&](std::uint64_t thread) { return thread == here; }, visit);
  }
}

void mark_all(Marker& marker, const reach::BlockTable& table, const ThreadAtExit& thread, reach::Holes& holes,
              const reach::Mappings& mappings) {
  for (unsigned i = 0; i < thread.register_count; ++i) marker.root_word(thread.registers[i], 0);
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    if (table[i].has(HeapBlock::kRoot)) marker.root_block(i);
  }
  reach::for_each_root(mappings, table, holes, [&](reach::Stretch stretch) { marker.root(stretch); });
  // The stack may be the content of a block: of a coroutine that called exit.
  const std::uint32_t around = table.find(thread.sp);
  if (around != reach::kNoBlock) marker.root_block(around);
  marker.mark();
}

void store(std::uint32_t row, ledger::Reach reach) {
  const unsigned bits = static_cast<unsigned>(reach) << ledger::kReachShift;
  set_block_flags(row, state_word(row), bits, ledger::kReachMask & ~bits);
}

void store_all(const reach::BlockTable& table, bool is_only_thread) {
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const ledger::Reach reach = table[i].reach();
    const bool is_known = !table[i].has(HeapBlock::kRoot) && (is_only_thread || reach == ledger::Reach::kReachable);
    store(table[i].id, is_known ? reach : ledger::Reach::kUnknown);
  }
}

}  // namespace

LostLook find_lost(const ThreadAtExit& thread, bool is_only_thread) {
  if (!allocator::is_glibc() && !libc::kIsMusl) return {ReachLook::kForeign, 0};
  WorkMemory memory;
  OwnProcess process;
  if (!process.open(memory)) return {ReachLook::kUnreadable, 0};
  // What a forked child has from its parent is not all in its rows.
  const bool knows_all = all_blocks_are_known() && ledger_file.header()->parent_pid == 0;
  const std::uint64_t freed_mark = knows_all || libc::kIsMusl ? 0 : learn_freed_mark();

  std::uint32_t count = 0;
  HeapBlock* const blocks = live_blocks(memory, &count);
  auto* const room = memory.take_array<reach::MarkRoom>(1);
  auto* const hole_room = memory.take_array<reach::Stretch>(kMostHoles);
  void* const heaps_room = memory.take(sizeof(Heaps));
  if (blocks == nullptr || room == nullptr || hole_room == nullptr || heaps_room == nullptr) {
    return {ReachLook::kNoMemory, 0};
  }
  if (!process.read_mappings(memory)) return {ReachLook::kNoMaps, 0};
  const ReadableByAll readable;
  if (ReadableByAll::kIsKnown && is_only_thread) process.read_in_place();
  if (is_usable_size_asked() && !libc::kIsMusl) {
    reach::end_blocks_with_chunks<std::uintptr_t>(blocks, count, process, *room);
  }
  reach::BlockTable table;
  const auto take = [&](std::uint64_t bytes) { return memory.take(bytes); };
  if (!table.build(blocks, count, take) || !room->build(table, take)) return {ReachLook::kNoMemory, 0};
  if (is_only_thread) leave_out_stdio_buffers(table);

  reach::Holes holes(hole_room, kMostHoles);
  const reach::Mappings& mappings = process.mappings();
  (new (heaps_room) Heaps(table, mappings, process, knows_all, freed_mark))->find_holes(holes);
  reach::for_each_own_memory(process, reinterpret_cast<std::uintptr_t>(own_memory()), room->bytes,
                             [&](reach::Stretch own) { holes.add(own); });
  memory.add_to(holes);
  add_stack_below(thread, process, room->bytes, holes);
  if (is_only_thread && !libc::kIsMusl) {
    for_each_ended_thread(process, room->bytes, [&](const reach::EndedThread& ended) {
      holes.add(ended.no_root);
      reach::forget_variables(process, sizeof(void*), room->bytes, ended.table, table);
    });
  }

  reach::NoObserver nobody;
  Marker marker(table, mappings, process, nobody, *room);
  mark_all(marker, table, thread, holes, mappings);
  store_all(table, is_only_thread);
  return {is_only_thread ? ReachLook::kDone : ReachLook::kThreads, marker.unread_bytes()};
}

void disown_blocks_of_unjoined_threads() {
  if (!allocator::is_glibc() || libc::kIsMusl || is_single_threaded() || this_thread() == 0) return;
  if (ledger_file.header()->parent_pid != 0) return;
  WorkMemory memory;
  OwnProcess process;
  auto* const room = memory.take_array<char>(reach::kMostOfThread);
  if (room == nullptr || !process.open(memory) || !process.read_mappings(memory)) return;
  for_each_ended_thread(process, room, [](const reach::EndedThread& ended) {
    const std::uint32_t row = ended.is_kept ? find_live_block(ended.table) : 0;
    if (row != 0) set_block_flags(row, state_word(row), 0, ledger::kFlagLibc);
  });
}

}  // namespace leakdir
