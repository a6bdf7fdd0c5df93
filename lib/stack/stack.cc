// SPDX-License-Identifier: BSL-1.0
#include "stack.hh"

#include <errno.h>
#include <stdlib.h>

#include <atomic>
#include <boost/stacktrace/safe_dump_to.hpp>

#include "functions.hh"
#include "ledger/ledger_file.hh"
#include "modules.hh"
#include "scratch.hh"
#include "stack_table.hh"
#include "system/base.hh"
#include "system/messages.hh"
#include "unwinder_in_use.hh"
#include "walk/function_start.hh"

namespace leakdir {
namespace {

using ledger::Call;

Unwind unwind_way = Unwind::kFast;
unsigned frames_kept = 32;

// Whether the unwinder may be called. Plain -static programs ask again each time until the tables are there, and each
// time once exit has begun.
enum class Tables : unsigned { kNotYet, kReady, kAskEachTime };
std::atomic<Tables> tables{Tables::kNotYet};

// A plain -static program with an index of its own: the fast walk does from start to end, and Boost while the program
// has its tables registered with libgcc; before and after it would abort.
bool has_own_index = false;
enum class Registered : unsigned { kNotYet, kIs, kNoMore };
std::atomic<Registered> registered{Registered::kNotYet};

LEAKDIR_SLOW bool boost_may_walk(const ReentryGuard& guard) {
  if (!has_own_index || registered.load(std::memory_order_relaxed) == Registered::kIs) return true;
  if (registered.load(std::memory_order_relaxed) == Registered::kNoMore || !unwind_tables_ready(guard)) return false;
  registered.store(Registered::kIs, std::memory_order_relaxed);
  return true;
}

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
  const GuardedScope guarded;  // what libgcc allocates in its first look is nobody's
  const UnwinderInUse in_use;
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

LEAKDIR_SLOW void walk_with_boost(Walk& walk, std::uintptr_t* into, unsigned most, std::uintptr_t caller) {
  const int saved = errno;
  const unsigned count = boost_frames(into, most);
  errno = saved;
  unsigned ours = 0;
  while (ours < count && into[ours] != caller) ++ours;
  walk = {into + ours, count - ours, 0, false, count == most};
}

// Frames of our own that lie between the hook and Boost's first frame.
constexpr unsigned kMostOwnFrames = 12;

LEAKDIR_SLOW void compare_with_boost(const Walk& fast, unsigned most, std::uintptr_t caller) {
  std::uintptr_t frames[ThreadScratch::kFrames];
  Walk boost;
  walk_with_boost(boost, frames, ThreadScratch::kFrames, caller);
  const unsigned expected = boost.count < most ? boost.count : most;
  bool same = fast.count == expected;
  for (unsigned i = 0; same && i < expected; ++i) same = fast.frames[i] == boost.frames[i];
  if (same) return;
  messages::frames_differ(fast.frames, fast.count, boost.frames, boost.count);
  ::abort();
}

WalkStart walk_start(Caller caller) { return {caller.pc(), caller.sp(), caller.bp()}; }

// Where the fast walk declines, Boost would wait for ever if the unwinder itself allocates under its mutex: that is so
// a few frames further out, which the fast walk knows, and which are all that is kept then.
LEAKDIR_SLOW bool walk_to_unwinder(Walk& walk, ThreadScratch& scratch, Caller caller) {
  constexpr unsigned kFrames = 4;
  if (!caller.has_frame()) return false;
  const int count =
      fast_walk(scratch.walk, walk_start(caller), scratch.frames, kFrames, &walk.reused, &walk.is_truncated);
  fast_walk_forget_previous(scratch.walk);  // its frames have no nodes
  for (int i = 0; i < count; ++i) {
    if (!is_in_unwinders_search(scratch.frames[i])) continue;
    walk = {scratch.frames, static_cast<unsigned>(count), 0, false, true};
    return true;
  }
  return false;
}

// The last frame is of code without a table: what lies beyond it, by its frame pointer. The nodes of the last walk are
// of no use any more for what is added.
LEAKDIR_SLOW void go_on_without_table(Walk& walk, ThreadScratch& scratch, unsigned most) {
  const WalkStart last = scratch.walk.without_table;
  const unsigned more =
      walk_by_frame_pointer(scratch.walk, last, walk.frames + walk.count, most - walk.count, &walk.is_truncated);
  if (more == 0) return;
  walk.count += more;
  walk.reused = 0;
  walk.is_fast = false;
}

// Whether Boost's walk came to an end only because there is no table for the last frame.
bool ends_without_table(const Walk& walk, const ReentryGuard& guard) {
  if (walk.is_truncated || walk.count == 0) return false;
  return function_kind(walk.frames[walk.count - 1], guard) == FunctionKind::kUnknown;
}

// For those whom Boost's walk would end too early: the fast one knows the last frame's registers, if it gets there.
LEAKDIR_SLOW bool go_on_from_boosts(Walk& walk, ThreadScratch& scratch, Caller caller, unsigned most) {
  const unsigned expected = walk.count;
  if (expected >= most || !caller.has_frame()) return false;
  const int count = fast_walk(scratch.walk, walk_start(caller), scratch.frames, most, &walk.reused, &walk.is_truncated);
  if (count != static_cast<int>(expected) || walk.is_truncated || scratch.walk.complete ||
      scratch.walk.without_table.pc == 0)
    return false;
  walk.frames = scratch.frames;
  walk.is_fast = true;
  go_on_without_table(walk, scratch, most);
  return true;
}

// (Into the caller's Walk: one that is handed back by value is copied in pieces of another size than it was stored in,
// and the processor waits for that.)
inline void walk_stack(Walk& walk, ThreadScratch& scratch, Caller caller, unsigned depth, const ReentryGuard& guard) {
  const unsigned most = depth + kMostNewFrames < kFastWalkMaxFrames ? depth + kMostNewFrames : kFastWalkMaxFrames;
  if (LEAKDIR_LIKELY(unwind_way == Unwind::kFast || unwind_way == Unwind::kCompare) && caller.has_frame()) {
    const int count =
        fast_walk(scratch.walk, walk_start(caller), scratch.frames, most, &walk.reused, &walk.is_truncated);
    if (LEAKDIR_LIKELY(count != kCannot)) {
      walk.frames = scratch.frames;
      walk.count = static_cast<unsigned>(count);
      walk.is_fast = true;
      if (LEAKDIR_UNLIKELY(unwind_way == Unwind::kCompare) && boost_may_walk(guard))
        compare_with_boost(walk, most, caller.pc());
      if (LEAKDIR_UNLIKELY(!scratch.walk.complete) && !walk.is_truncated && scratch.walk.without_table.pc != 0) {
        go_on_without_table(walk, scratch, most);
      }
      return;
    }
  }
  if (walk_to_unwinder(walk, scratch, caller)) return;
  walk.count = 0;
  if (!boost_may_walk(guard)) return;
  const unsigned room = most + kMostOwnFrames < ThreadScratch::kFrames ? most + kMostOwnFrames : ThreadScratch::kFrames;
  walk_with_boost(walk, scratch.frames, room, caller.pc());
  if (LEAKDIR_LIKELY(!ends_without_table(walk, guard)) || !kWalksWithoutTables) return;
  if (unwind_way == Unwind::kBoost) {
    if (go_on_from_boosts(walk, scratch, caller, most)) return;
    walk_with_boost(walk, scratch.frames, room, caller.pc());
  }
  walk.is_truncated = true;
}

// How many of the innermost frames are operator new: that is what the user called, then.
LEAKDIR_SLOW unsigned new_frames(const Walk& walk, const ReentryGuard& guard) {
  unsigned i = 0;
  while (i < kMostNewFrames && i + 1 < walk.count && function_kind(walk.frames[i], guard) == FunctionKind::kNew) ++i;
  return i;
}

// The node of (parent, pc), from the thread's own cache where it can.
std::uint32_t node_beside(ThreadScratch& scratch, std::uint32_t parent, std::uintptr_t pc, const ReentryGuard& guard) {
  ThreadScratch::KnownNode& known = scratch.known_nodes[ThreadScratch::slot_of_node(parent, pc)];
  if (LEAKDIR_LIKELY(known.pc == pc && known.parent == parent)) return known.node;
  const std::uint32_t node = stack_node(parent, pc, guard);
  if (LEAKDIR_UNLIKELY(node == 0)) return 0;  // no room now; there may be the next time
  known.pc = 0;                               // a handler may leave by longjmp in between
  signal_fence();
  known.parent = parent;
  known.node = node;
  signal_fence();
  known.pc = pc;
  return node;
}

constexpr unsigned kNotAFastWalk = ~0u;

// The node of frames [first, last) of the walk; frames beyond `last` are dropped. What the stack has in common with the
// last one, from the outermost frame inwards, has the same nodes.
inline std::uint32_t node_of(ThreadScratch& scratch, const Walk& walk, unsigned first, unsigned last,
                             const ReentryGuard& guard) {
  const std::uintptr_t* const end = walk.frames + last;
  const unsigned count = last - first;
  const unsigned dropped = walk.count - last;
  const std::uint32_t epoch = stack_epoch();
  unsigned known = 0;
  if (LEAKDIR_UNLIKELY(scratch.nodes_epoch != epoch)) {
    for (ThreadScratch::KnownNode& node : scratch.known_nodes) node.pc = 0;
  } else {
    const unsigned most = scratch.nodes_known < count ? scratch.nodes_known : count;
    // Of some the walk knows it without comparing.
    if (scratch.nodes_dropped == dropped && walk.reused > dropped) known = walk.reused - dropped;
    if (known > most) known = most;
    while (known < most && scratch.node_pcs[known] == end[-1 - static_cast<int>(known)]) ++known;
  }
  std::uint32_t node = known == 0 ? 0 : scratch.nodes[known - 1];
  scratch.nodes_dropped = walk.is_fast ? dropped : kNotAFastWalk;
  if (known == count) {
    scratch.nodes_known = known;
    return node;
  }
  scratch.nodes_known = 0;
  signal_fence();
  scratch.nodes_epoch = epoch;
  const std::uintptr_t* at = end - known;
  do {
    const std::uintptr_t pc = *--at;
    node = node_beside(scratch, node, pc, guard);
    if (LEAKDIR_UNLIKELY(node == 0)) return 0;  // no room: half a stack would mislead
    scratch.nodes[known] = node;
    scratch.node_pcs[known] = pc;
    ++known;
  } while (known != count);
  signal_fence();
  scratch.nodes_known = count;
  return node;
}

LEAKDIR_SLOW unsigned unusual_flags(std::uint32_t line, const ReentryGuard& guard) {
  if ((line & ledger::kNodeLoader) != 0) stacks_are_outdated(guard);
  return (line & ledger::kNodeLibc) != 0 ? ledger::kFlagLibc : 0;
}

// What is known of a whole stack from its innermost frame.
Captured captured(std::uint32_t node, Call call, bool is_cut, const ReentryGuard& guard) {
  unsigned flags = is_cut ? ledger::kFlagTruncated : 0;
  if (LEAKDIR_LIKELY(node != 0)) {
    std::uint32_t line = ledger_file.node(node)->line;
    // operator new itself is left out.
    while (LEAKDIR_UNLIKELY((line & ledger::kNodeNew) != 0) && ledger_file.node(node)->parent != 0) {
      call = Call::kNew;
      node = ledger_file.node(node)->parent;
      line = ledger_file.node(node)->line;
    }
    if (LEAKDIR_UNLIKELY((line & (ledger::kNodeLibc | ledger::kNodeLoader)) != 0)) flags |= unusual_flags(line, guard);
  }
  return {node, call, flags};
}

}  // namespace

Captured capture_caller(std::uintptr_t caller, Call call) {
  return {bare_stack_node(0, caller), call, ledger::kFlagEarly};
}

void add_place(Captured& captured, const Place& place) {
  const std::uint32_t node = captured.stack == 0 ? 0 : place_node(captured.stack, place.file, place.line);
  if (node == 0) return;
  captured.stack = node;
  captured.flags |= ledger::kFlagPlace;
}

Captured capture_stack(ThreadState& thread, Caller caller, Call call, const ReentryGuard& guard) {
  if (LEAKDIR_UNLIKELY(thread.scratch == nullptr) || LEAKDIR_UNLIKELY(!may_unwind(guard))) {
    return capture_caller(caller.pc(), call);
  }
  unsigned depth = frames_kept;
  if (LEAKDIR_UNLIKELY(unwind_way == Unwind::kCaller)) {
    if (function_kind(caller.pc(), guard) != FunctionKind::kNew) {
      return captured(stack_node(0, caller.pc(), guard), call, false, guard);
    }
    depth = 1;
  }
  Walk stack;
  walk_stack(stack, *thread.scratch, caller, depth, guard);
  if (LEAKDIR_UNLIKELY(stack.count == 0)) return captured(stack_node(0, caller.pc(), guard), call, true, guard);
  // Most stacks are kept whole. Else `depth` counts from the caller of operator new on.
  unsigned first = 0, last = stack.count;
  if (LEAKDIR_UNLIKELY(stack.count > depth)) {
    first = new_frames(stack, guard);
    if (first != 0) call = Call::kNew;
    if (stack.count - first > depth) last = first + depth;
  }
  const bool is_cut = (last != stack.count || stack.is_truncated) && unwind_way != Unwind::kCaller;
  return captured(node_of(*thread.scratch, stack, first, last, guard), call, is_cut, guard);
}

void prime_unwinder(const ReentryGuard& guard) {
  if (!unwind_tables_ready(guard)) return;
  std::uintptr_t frames[8];
  boost_frames(frames, sizeof frames / sizeof *frames);
  tables.store(Tables::kReady, std::memory_order_relaxed);
}

void configure_capture(Unwind unwind, unsigned depth) {
  unwind_way = unwind;
  frames_kept = depth;
}

void prepare_static_capture() {
  has_own_index = make_function_index();
  if (has_own_index) tables.store(Tables::kReady, std::memory_order_relaxed);
}

void capture_is_ending() {
  registered.store(Registered::kNoMore, std::memory_order_relaxed);
  if (program_has_table_header() || has_own_index) return;
  fast_walk_tables_gone();
  tables.store(Tables::kAskEachTime, std::memory_order_relaxed);
}

}  // namespace leakdir
