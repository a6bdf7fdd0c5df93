// SPDX-License-Identifier: BSL-1.0
#include "stack.hh"

#include <errno.h>
#include <stdlib.h>

#include <atomic>
#include <boost/stacktrace/safe_dump_to.hpp>

#include "base.hh"
#include "functions.hh"
#include "ledger_file.hh"
#include "modules.hh"
#include "report.hh"
#include "stack_table.hh"

namespace leakdir {
namespace {

using ledger::Call;

Unwind unwind_way = Unwind::kFast;
unsigned frames_kept = 32;

// Whether the unwinder may be called. Plain -static programs ask again each time until the tables are there, and each
// time once exit has begun.
enum class Tables : unsigned { kNotYet, kReady, kAskEachTime };
std::atomic<Tables> tables{Tables::kNotYet};

// operator new(nothrow), operator new[] and operator new may lie between malloc and the user.
constexpr unsigned kMostNewFrames = 4;

bool may_unwind(const ReentryGuard& guard) {
  const Tables state = tables.load(std::memory_order_relaxed);
  if (LEAKDIR_LIKELY(state == Tables::kReady)) return true;
  if (state == Tables::kAskEachTime) return unwind_tables_ready(guard);
  prime_unwinder(guard);
  return tables.load(std::memory_order_relaxed) == Tables::kReady;
}

// Frames by Boost, innermost first, our own among them. Returns how many.
__attribute__((noinline)) unsigned boost_frames(std::uintptr_t* into, unsigned most) {
  // safe_dump_to takes bytes and ends the frames with a 0 of its own.
  const std::size_t words = boost::stacktrace::safe_dump_to(into, most * sizeof *into);
  unsigned count = 0;
  while (count < words && count < most && into[count] != 0) ++count;
  return count;
}

// Frames of this call, from the caller of the hook on.
struct Walk {
  std::uintptr_t* frames;
  unsigned count;
  unsigned reused;  // outermost frames that are the same as in the thread's last fast walk
  bool is_fast;
  bool is_truncated;
};

Walk walk_with_boost(std::uintptr_t* into, unsigned most, std::uintptr_t caller) {
  const unsigned count = boost_frames(into, most);
  unsigned ours = 0;
  while (ours < count && into[ours] != caller) ++ours;
  return {into + ours, count - ours, 0, false, count == most};
}

// Frames of our own that lie between the hook and Boost's first frame.
constexpr unsigned kMostOwnFrames = 12;

LEAKDIR_SLOW void compare_with_boost(const Walk& fast, unsigned most, std::uintptr_t caller) {
  std::uintptr_t frames[ThreadScratch::kFrames];
  const unsigned count = boost_frames(frames, ThreadScratch::kFrames);
  unsigned ours = 0;
  while (ours < count && frames[ours] != caller) ++ours;
  const unsigned expected = count - ours < most ? count - ours : most;
  bool same = fast.count == expected;
  for (unsigned i = 0; same && i < expected; ++i) same = fast.frames[i] == frames[ours + i];
  if (same) return;
  report::frames_differ(fast.frames, fast.count, frames + ours, count - ours);
  ::abort();
}

Walk walk(ThreadScratch& scratch, Caller caller, unsigned depth) {
  const unsigned most = depth + kMostNewFrames < kFastWalkMaxFrames ? depth + kMostNewFrames : kFastWalkMaxFrames;
  if (LEAKDIR_LIKELY(unwind_way == Unwind::kFast || unwind_way == Unwind::kCompare) && caller.frame != nullptr) {
    const auto* frame = static_cast<const std::uintptr_t*>(caller.frame);
    const WalkStart start = {caller.pc, reinterpret_cast<std::uintptr_t>(frame + 2), frame[0]};
    Walk fast = {scratch.frames, 0, 0, true, false};
    const int count = fast_walk(scratch.walk, start, scratch.frames, most, &fast.reused, &fast.is_truncated);
    if (LEAKDIR_LIKELY(count != kCannot)) {
      fast.count = static_cast<unsigned>(count);
      if (LEAKDIR_UNLIKELY(unwind_way == Unwind::kCompare)) compare_with_boost(fast, most, caller.pc);
      return fast;
    }
  }
  const unsigned room = most + kMostOwnFrames < ThreadScratch::kFrames ? most + kMostOwnFrames : ThreadScratch::kFrames;
  return walk_with_boost(scratch.frames, room, caller.pc);
}

// How many of the innermost frames are operator new: that is what the user called, then.
unsigned new_frames(const Walk& walk, Call& call, const ReentryGuard& guard) {
  unsigned i = 0;
  for (; i < kMostNewFrames && i + 1 < walk.count; ++i) {
    if (LEAKDIR_LIKELY(function_kind(walk.frames[i], guard) != FunctionKind::kNew)) break;
    call = Call::kNew;
  }
  return i;
}

// The node of frames [first, last) of the walk. Nodes of outer frames that are the same as last time are taken from
// then; frames beyond `last` are dropped.
std::uint32_t node_of(ThreadScratch& scratch, const Walk& walk, unsigned first, unsigned last,
                      const ReentryGuard& guard) {
  const unsigned dropped = walk.count - last;
  const std::uint32_t epoch = stack_epoch();
  unsigned known = 0;
  if (walk.is_fast && scratch.nodes_dropped == dropped && scratch.nodes_epoch == epoch && walk.reused > dropped) {
    known = walk.reused - dropped;
    if (known > scratch.nodes_known) known = scratch.nodes_known;
    if (known > last - first) known = last - first;
  }
  std::uint32_t node = known == 0 ? 0 : scratch.nodes[known - 1];
  for (unsigned i = last - known; i > first; --i) {
    node = stack_node(node, walk.frames[i - 1], guard);
    if (LEAKDIR_UNLIKELY(node == 0)) {  // no room: half a stack would mislead
      scratch.nodes_known = 0;
      return 0;
    }
    scratch.nodes[last - i] = node;
  }
  if (walk.is_fast) {
    scratch.nodes_known = last - first;
    scratch.nodes_dropped = dropped;
    scratch.nodes_epoch = epoch;
  }
  return node;
}

unsigned libc_flag(std::uint32_t stack) {
  return stack != 0 && (ledger_file.node(stack)->line & ledger::kNodeLibc) != 0 ? ledger::kFlagLibc : 0;
}

}  // namespace

Captured capture_caller(std::uintptr_t caller, Call call) {
  return {bare_stack_node(0, caller), call, ledger::kFlagEarly};
}

Captured capture_stack(ThreadState& thread, Caller caller, Call call, const ReentryGuard& guard) {
  if (LEAKDIR_UNLIKELY(thread.scratch == nullptr) || LEAKDIR_UNLIKELY(!may_unwind(guard))) {
    return capture_caller(caller.pc, call);
  }
  unsigned depth = frames_kept;
  if (LEAKDIR_UNLIKELY(unwind_way == Unwind::kCaller)) {
    if (function_kind(caller.pc, guard) != FunctionKind::kNew) {
      const std::uint32_t stack = stack_node(0, caller.pc, guard);
      return {stack, call, libc_flag(stack)};
    }
    depth = 1;
  }
  const int saved = errno;
  const Walk stack = walk(*thread.scratch, caller, depth);
  errno = saved;
  if (LEAKDIR_UNLIKELY(stack.count == 0)) return {stack_node(0, caller.pc, guard), call, 0};
  const unsigned first = new_frames(stack, call, guard);
  const unsigned last = stack.count - first > depth ? first + depth : stack.count;
  const bool is_cut = (last != stack.count || stack.is_truncated) && unwind_way != Unwind::kCaller;
  const std::uint32_t node = node_of(*thread.scratch, stack, first, last, guard);
  return {node, call, (is_cut ? ledger::kFlagTruncated : 0) | libc_flag(node)};
}

void prime_unwinder(const ReentryGuard& guard) {
  if (!unwind_tables_ready(guard)) return;
  const GuardedScope guarded;
  std::uintptr_t frames[8];
  boost_frames(frames, sizeof frames / sizeof *frames);
  tables.store(Tables::kReady, std::memory_order_relaxed);
}

void configure_capture(Unwind unwind, unsigned depth) {
  unwind_way = unwind;
  frames_kept = depth;
}

void capture_is_ending() {
  if (program_has_table_header()) return;
  fast_walk_tables_gone();
  tables.store(Tables::kAskEachTime, std::memory_order_relaxed);
}

}  // namespace leakdir
