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
#include "system/libc.hh"
#include "system/loader.hh"
#include "system/messages.hh"
#include "unwinder_in_use.hh"
#include "walk/frames_to_signal.hh"
#include "walk/function_start.hh"

namespace leakdir {

std::atomic<Way> usual_way{Way::kAsk};

namespace {

using ledger::Call;

Unwind unwind_way = Unwind::kFast;
unsigned frames_kept = 32;
unsigned frames_walked = 36;

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
  if (!unwinder_may_be_called()) return false;
  if (!has_own_index || registered.load(std::memory_order_relaxed) == Registered::kIs) return true;
  if (registered.load(std::memory_order_relaxed) == Registered::kNoMore || !unwind_tables_ready(guard)) return false;
  registered.store(Registered::kIs, std::memory_order_relaxed);
  return true;
}

// operator new(nothrow), operator new[] and operator new may lie between malloc and the user.
constexpr unsigned kMostNewFrames = 4;

void settle_way() {
  const bool is_settled = tables.load(std::memory_order_relaxed) == Tables::kReady;
  const Way way = unwind_way == Unwind::kCaller ? Way::kCaller : unwind_way == Unwind::kFast ? Way::kRuns : Way::kAsk;
  usual_way.store(is_settled ? way : Way::kAsk, std::memory_order_relaxed);
}

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
  if constexpr (kTablesAreRightAtCallsAlone) return frames_to_signal(into, most);
  // safe_dump_to takes bytes and ends the frames with a 0 of its own.
  const std::size_t words = boost::stacktrace::safe_dump_to(into, most * sizeof *into);
  unsigned count = 0;
  while (count < words && count < most && into[count] != 0) ++count;
  return count;
}

// Frames of this call, from the caller of the hook on, one by one: what a capture comes to that is not all runs.
struct Walk {
  std::uintptr_t* frames;
  unsigned count;
  bool is_truncated;
};

LEAKDIR_SLOW void walk_with_boost(Walk& walk, std::uintptr_t* into, unsigned most, std::uintptr_t caller) {
  const int saved = errno;
  const unsigned count = boost_frames(into, most);
  errno = saved;
  unsigned ours = 0;
  while (ours < count && into[ours] != caller) ++ours;
  walk = {into + ours, count - ours, count == most};
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

// Where the fast walk declines, Boost would wait for ever if the unwinder itself allocates under its mutex: that is so
// a few frames further out, which the fast walk knows, and which are all that is kept then.
LEAKDIR_SLOW bool walk_to_unwinder(Walk& walk, ThreadScratch& scratch, Caller caller) {
  constexpr unsigned kFrames = 4;
  if (!caller.has_frame() || fast_walk(scratch.walk, walk_start(caller), kFrames) == kCannot) return false;
  const unsigned count = frames_of_walk(scratch.walk, scratch.frames, kFrames);
  for (unsigned i = 0; i < count; ++i) {
    if (!is_in_unwinders_search(scratch.frames[i])) continue;
    walk = {scratch.frames, count, true};
    return true;
  }
  return false;
}

// The last frame is of code without a table: what lies beyond it, by its frame pointer.
LEAKDIR_SLOW void go_on_without_table(Walk& walk, ThreadScratch& scratch, unsigned most) {
  const WalkStart last = scratch.walk.without_table;
  walk.count +=
      walk_by_frame_pointer(scratch.walk, last, walk.frames + walk.count, most - walk.count, &walk.is_truncated);
}

bool fast_walk_ended_without_table(const FastWalkState& walk) {
  return walk.plain_count != 0 && !walk.truncated && walk.without_table.pc != 0;
}

// The frames of the fast walk, one by one.
Walk frames_of(ThreadScratch& scratch) {
  return {scratch.frames, frames_of_walk(scratch.walk, scratch.frames, kFastWalkMaxFrames), scratch.walk.truncated};
}

// Whether function_kind() tells code without a table, and a program's first function from it. (On riscv64 it does not;
// musl has no tables at all.)
#if defined(__x86_64__)
constexpr bool kTellsOutermost = true;
#elif defined(__aarch64__)
constexpr bool kTellsOutermost = !libc::kIsMusl;
#else
constexpr bool kTellsOutermost = false;
#endif

// Whether Boost's walk came to an end only because there is no table for the last frame.
bool ends_without_table(const Walk& walk, const ReentryGuard& guard) {
  if (walk.is_truncated || walk.count == 0) return false;
  return function_kind(walk.frames[walk.count - 1], guard) == FunctionKind::kUnknown;
}

// For those whom Boost's walk would end too early: the fast one knows the last frame's registers, if it gets there.
LEAKDIR_SLOW bool go_on_from_boosts(Walk& walk, ThreadScratch& scratch, Caller caller, unsigned most) {
  const unsigned expected = walk.count;
  if (expected >= most || !caller.has_frame()) return false;
  const int count = fast_walk(scratch.walk, walk_start(caller), most);
  if (count != static_cast<int>(expected) || !fast_walk_ended_without_table(scratch.walk)) return false;
  walk = frames_of(scratch);
  go_on_without_table(walk, scratch, most);
  return true;
}

// Where the fast walk declined, or is not wanted.
// (Inlined: each frame of ours costs Boost as much as one of the program's.)
[[gnu::always_inline]] inline void walk_without_runs(Walk& walk, ThreadScratch& scratch, Caller caller, unsigned most,
                                                     const ReentryGuard& guard) {
  if (walk_to_unwinder(walk, scratch, caller)) return;
  walk.count = 0;
  walk.is_truncated = false;
  if (!boost_may_walk(guard)) return;
  const unsigned room = most + kMostOwnFrames < ThreadScratch::kFrames ? most + kMostOwnFrames : ThreadScratch::kFrames;
  walk_with_boost(walk, scratch.frames, room, caller.pc());
  if (!kTellsOutermost || LEAKDIR_LIKELY(!ends_without_table(walk, guard))) return;
  if (kWalksWithoutTables && unwind_way == Unwind::kBoost) {
    if (go_on_from_boosts(walk, scratch, caller, most)) return;
    walk_with_boost(walk, scratch.frames, room, caller.pc());
  }
  walk.is_truncated = true;
}

// How many of the innermost frames are operator new: that is what the user called, then.
LEAKDIR_SLOW unsigned new_frames(const std::uintptr_t* frames, unsigned count, const ReentryGuard& guard) {
  unsigned i = 0;
  while (i < kMostNewFrames && i + 1 < count && function_kind(frames[i], guard) == FunctionKind::kNew) ++i;
  return i;
}

// ---- Nodes ----

}  // namespace

LEAKDIR_SLOW void forget_known_nodes(ThreadScratch& scratch) {
  const std::uint32_t epoch = stack_epoch();
  for (ThreadScratch::KnownNode& node : scratch.known_nodes) node.key = 0;
  signal_fence();
  scratch.nodes_epoch = epoch;
}

namespace {

// What is kept of a node beside its number: that more is to be known of a stack that ends in it than that.
constexpr std::uint32_t kUnusual = std::uint32_t{1} << 31;
constexpr std::uint32_t kUnusualLines = ledger::kNodeNew | ledger::kNodeLibc | ledger::kNodeLoader;
constexpr std::uint32_t number_of(std::uint32_t noted) { return noted & ~kUnusual; }
std::uint32_t noted(std::uint32_t node) {
  return node == 0 || (ledger_file.node(node)->line & kUnusualLines) == 0 ? node : node | kUnusual;
}

// The node for which `find` is asked if the thread does not know it, noted. 0, no room now, is not kept: there may be
// the next time.
template <typename Find>
inline std::uint32_t known_node(ThreadScratch& scratch, std::uint32_t parent, std::uint64_t key, Find find) {
  ThreadScratch::KnownNode* const ways = scratch.known_nodes + ThreadScratch::set_of_node(parent, key);
  for (unsigned i = 0; i < ThreadScratch::kWays; ++i) {
    if (LEAKDIR_LIKELY(ways[i].key == key && ways[i].parent == parent)) return ways[i].node;
  }
  const std::uint32_t node = noted(find());
  if (LEAKDIR_UNLIKELY(node == 0)) return 0;
  // The one that came last but one gives way.
  ways[1].key = 0;  // a handler may leave by longjmp in between
  signal_fence();
  ways[1].parent = ways[0].parent;
  ways[1].node = ways[0].node;
  signal_fence();
  ways[1].key = ways[0].key;
  ways[0].key = 0;
  signal_fence();
  ways[0].parent = parent;
  ways[0].node = node;
  signal_fence();
  ways[0].key = key;
  return node;
}

// The node of `count` frames, one by one from the outermost inwards; frame(i) is the i-th from the innermost on, and
// find(parent, pc) its node.
template <typename Frame, typename Find>
inline std::uint32_t node_of_frames(std::uint32_t parent, Frame frame, unsigned count, Find find) {
  std::uint32_t node = parent;
  for (unsigned i = count; i-- > 0;) {
    node = find(node, frame(i));
    if (LEAKDIR_UNLIKELY(node == 0)) return 0;  // no room: half a stack would mislead
  }
  return node;
}

// A node and how many frames of a run are called from it, in one number that is not 0.
constexpr std::uint32_t parent_key(std::uint32_t parent, unsigned frames) {
  static_assert(Run::kMostFrames < 1u << (32 - LedgerFile::kNodeBits));
  return parent | frames << LedgerFile::kNodeBits;
}

LEAKDIR_SLOW std::uint32_t node_of_run(ThreadScratch& scratch, Run& run, std::uint32_t parent, unsigned frames,
                                       const ReentryGuard& guard) {
  constexpr std::uint64_t kOfRun = std::uint64_t{1} << 63;  // no return address
  keep_up_known_nodes(scratch);
  const std::uint32_t key = parent_key(parent, frames);
  const auto find_anew = [&] {
    // Not of those that the thread keeps: they are many, and asked for once.
    const auto find = [&](std::uint32_t above, std::uintptr_t pc) { return stack_node(above, pc, guard); };
    return node_of_frames(
        parent, [&](unsigned i) { return frame_of_run(run, i); }, frames, find);
  };
  // Most runs have one parent: then the run's memo is enough, and a process that ends soon touches less memory.
  const std::uint32_t node =
      run.memo == 0 ? noted(find_anew()) : known_node(scratch, key, kOfRun | run.serial, find_anew);
  if (LEAKDIR_LIKELY(node != 0)) run.memo = std::uint64_t{key} << 32 | node;
  return node;
}

// The node of the first `count` frames of the walk, which are all of runs. Each run remembers the node that it was
// last, and of which parent. Noted.
inline std::uint32_t node_of_runs(ThreadScratch& scratch, unsigned count, const ReentryGuard& guard) {
  FastWalkState& walk = scratch.walk;
  unsigned i = walk.run_count - 1;
  unsigned dropped = walk.run_frames - count;
  while (LEAKDIR_UNLIKELY(dropped >= walk.used[i])) dropped -= walk.used[i--];
  unsigned frames = walk.used[i] - dropped;
  std::uint32_t node = 0;
  for (;;) {
    Run& run = *walk.runs[i];
    const std::uint64_t memo = run.memo;
    node = LEAKDIR_LIKELY(memo >> 32 == parent_key(node, frames)) ? static_cast<std::uint32_t>(memo)
                                                                  : node_of_run(scratch, run, node, frames, guard);
    if (i-- == 0 || LEAKDIR_UNLIKELY(node == 0)) return node;
    node = number_of(node);
    frames = walk.used[i];
  }
}

LEAKDIR_SLOW Captured captured_unusual(std::uint32_t node, Call call, unsigned flags, const ReentryGuard& guard) {
  if (node == 0) return {0, call, flags};
  std::uint32_t line = ledger_file.node(node)->line;
  // operator new itself is left out.
  while ((line & ledger::kNodeNew) != 0 && ledger_file.node(node)->parent != 0) {
    call = Call::kNew;
    node = ledger_file.node(node)->parent;
    line = ledger_file.node(node)->line;
  }
  if ((line & ledger::kNodeLoader) != 0) stacks_are_outdated(guard);
  if ((line & ledger::kNodeLibc) != 0) flags |= ledger::kFlagLibc;
  return {node, call, flags};
}

// What is known of a whole stack from its innermost frame.
inline Captured captured(std::uint32_t noted_node, Call call, bool is_cut, const ReentryGuard& guard) {
  const unsigned flags = is_cut ? ledger::kFlagTruncated : 0;
  if (LEAKDIR_LIKELY(static_cast<std::int32_t>(noted_node) > 0)) return {noted_node, call, flags};
  return captured_unusual(number_of(noted_node), call, flags, guard);
}

}  // namespace

Captured capture_caller(std::uintptr_t caller, Call call) {
  return {bare_stack_node(0, caller), call, ledger::kFlagEarly};
}

void add_place(Captured& captured, const Place& place) {
  const std::uint32_t node = captured.stack() == 0 ? 0 : place_node(captured.stack(), place.file, place.line);
  if (node == 0) return;
  captured.set_stack(node);
  captured.add_flags(ledger::kFlagPlace);
}

LEAKDIR_SLOW bool add_size(Captured& captured, std::size_t size) {
  const std::uint32_t node = size_node(captured.stack(), size);
  if (node != 0) captured.set_stack(node);
  return node != 0;
}

namespace {

// Most stacks are kept whole. Else `depth` counts from the caller of operator new on: so many frames with those of
// operator new, which captured() leaves out again.
LEAKDIR_SLOW unsigned kept_of_runs(ThreadScratch& scratch, unsigned count, unsigned depth, const ReentryGuard& guard) {
  Run& first = *scratch.walk.runs[0];
  unsigned of_new = first.new_frames;
  if (of_new == Run::kNotKnown) {
    std::uintptr_t frames[kMostNewFrames + 1];
    of_new = new_frames(frames, frames_of_walk(scratch.walk, frames, kMostNewFrames + 1), guard);
    if (of_new < first.frames) first.new_frames = static_cast<std::uint8_t>(of_new);
  }
  return count - of_new > depth ? of_new + depth : count;
}

LEAKDIR_SLOW Captured capture_frame_by_frame(ThreadScratch& scratch, const Walk& stack, Caller caller, Call call,
                                             unsigned depth, const ReentryGuard& guard) {
  if (stack.count == 0) return captured_unusual(stack_node(0, caller.pc(), guard), call, ledger::kFlagTruncated, guard);
  unsigned first = 0, last = stack.count;
  if (stack.count > depth) {
    first = new_frames(stack.frames, stack.count, guard);
    if (first != 0) call = Call::kNew;
    if (stack.count - first > depth) last = first + depth;
  }
  const bool is_cut = last != stack.count || stack.is_truncated;
  keep_up_known_nodes(scratch);
  const auto frame = [&](unsigned i) { return stack.frames[first + i]; };
  const auto find = [&](std::uint32_t parent, std::uintptr_t pc) {
    return number_of(known_node(scratch, parent, pc, [&] { return stack_node(parent, pc, guard); }));
  };
  const std::uint32_t node = node_of_frames(0, frame, last - first, find);
  return captured(noted(node), call, is_cut, guard);
}

// The caller alone, unless that is operator new.
inline std::uint32_t node_of_caller(ThreadScratch& scratch, std::uintptr_t pc, const ReentryGuard& guard) {
  keep_up_known_nodes(scratch);
  return known_node(scratch, 0, pc,
                    [&] { return function_kind(pc, guard) == FunctionKind::kNew ? 0 : stack_node(0, pc, guard); });
}

unsigned most_walked(unsigned depth) {
  return depth + kMostNewFrames < kFastWalkMaxFrames ? depth + kMostNewFrames : kFastWalkMaxFrames;
}

LEAKDIR_SLOW Captured capture_otherwise(ThreadScratch& scratch, int count, Caller caller, Call call, unsigned depth,
                                        const ReentryGuard& guard) {
  const unsigned most = most_walked(depth);
  Walk stack;
  if (count != kCannot) {
    stack = frames_of(scratch);
    if (unwind_way == Unwind::kCompare && boost_may_walk(guard)) compare_with_boost(stack, most, caller.pc());
    if (fast_walk_ended_without_table(scratch.walk)) go_on_without_table(stack, scratch, most);
  } else {
    walk_without_runs(stack, scratch, caller, most, guard);
  }
  return capture_frame_by_frame(scratch, stack, caller, call, depth, guard);
}

// keep(captured): of frames that were all found in runs.
template <typename Keep>
[[gnu::always_inline]] inline Captured walk_and_capture(ThreadScratch& scratch, Caller caller, Call call,
                                                        unsigned depth, unsigned most, const ReentryGuard& guard,
                                                        Keep keep) {
  const int count = LEAKDIR_LIKELY(caller.has_frame()) ? fast_walk(scratch.walk, walk_start(caller), most) : kCannot;
  if (LEAKDIR_UNLIKELY(count == kCannot) || LEAKDIR_UNLIKELY(scratch.walk.plain_count != 0)) {
    return capture_otherwise(scratch, count, caller, call, depth, guard);
  }
  const auto found = static_cast<unsigned>(count);
  const unsigned kept = LEAKDIR_LIKELY(found <= depth) ? found : kept_of_runs(scratch, found, depth, guard);
  const bool is_cut = kept != found || scratch.walk.truncated;
  const Captured result = captured(node_of_runs(scratch, kept, guard), call, is_cut, guard);
  keep(result);
  return result;
}

}  // namespace

Captured capture_runs(ThreadScratch& scratch, Caller caller, Call call, const ReentryGuard& guard) {
  const auto keep = [&](Captured captured) {
    if (LEAKDIR_UNLIKELY(captured.stack() == 0)) return;
    whole_stack_is(scratch.walk, walk_start(caller), frames_walked,
                   captured.word() | std::uint64_t{static_cast<std::uint8_t>(call)} << kGivenCallShift);
  };
  return walk_and_capture(scratch, caller, call, frames_kept, frames_walked, guard, keep);
}

// operator new is walked over; what lies beyond its caller was not asked for.
Captured capture_caller_alone(ThreadScratch& scratch, Caller caller, Call call, const ReentryGuard& guard) {
  const std::uint32_t node = node_of_caller(scratch, caller.pc(), guard);
  if (node != 0) return captured(node, call, false, guard);
  Captured captured = walk_and_capture(scratch, caller, call, 1, most_walked(1), guard, [](Captured) {});
  captured.remove_flags(ledger::kFlagTruncated);
  return captured;
}

LEAKDIR_SLOW Captured capture_by_asking(ThreadState& thread, Caller caller, Call call, const ReentryGuard& guard) {
  if (thread.scratch == nullptr || !may_unwind(guard)) return capture_caller(caller.pc(), call);
  switch (unwind_way) {
    case Unwind::kFast:
      return capture_runs(*thread.scratch, caller, call, guard);
    case Unwind::kCaller:
      return capture_caller_alone(*thread.scratch, caller, call, guard);
    default:
      break;
  }
  const bool is_compared = unwind_way == Unwind::kCompare && caller.has_frame();
  const int count = is_compared ? fast_walk(thread.scratch->walk, walk_start(caller), frames_walked) : kCannot;
  return capture_otherwise(*thread.scratch, count, caller, call, frames_kept, guard);
}

void prime_unwinder(const ReentryGuard& guard) {
  if (!unwind_tables_ready(guard)) return;
  std::uintptr_t frames[8];
  boost_frames(frames, sizeof frames / sizeof *frames);
  tables.store(Tables::kReady, std::memory_order_relaxed);
  settle_way();
}

void configure_capture(Unwind unwind, unsigned depth) {
  unwind_way = unwind;
  frames_kept = depth;
  frames_walked = most_walked(depth);
  settle_way();
}

void prepare_static_capture() {
  has_own_index = make_function_index();
  if (!has_own_index) return;
  tables.store(Tables::kReady, std::memory_order_relaxed);
  settle_way();
}

void capture_is_ending() {
  registered.store(Registered::kNoMore, std::memory_order_relaxed);
  if (program_has_table_header() || has_own_index) return;
  fast_walk_tables_gone();
  tables.store(Tables::kAskEachTime, std::memory_order_relaxed);
  settle_way();
}

}  // namespace leakdir
