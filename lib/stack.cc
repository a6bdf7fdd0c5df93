// SPDX-License-Identifier: BSL-1.0
#include "stack.hh"

#include <errno.h>

#include <atomic>
#include <boost/stacktrace/safe_dump_to.hpp>

#include "base.hh"
#include "functions.hh"
#include "ledger_file.hh"
#include "modules.hh"
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

// operator new(nothrow), operator new[] and operator new lie between malloc and the user.
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

// The part of the stack that is the user's: from the caller of the hook on, without operator new.
struct UserFrames {
  const std::uintptr_t* first;
  unsigned count;
  Call call;
};

UserFrames user_frames(const std::uintptr_t* frames, unsigned count, std::uintptr_t caller, Call call,
                       const ReentryGuard& guard) {
  unsigned i = 0;
  while (i < count && frames[i] != caller) ++i;
  for (unsigned skipped = 0; skipped < kMostNewFrames && i + 1 < count; ++skipped, ++i) {
    const FunctionKind kind = function_kind(frames[i], guard);
    if (kind != FunctionKind::kNew && kind != FunctionKind::kNewArray) break;
    call = kind == FunctionKind::kNew ? Call::kNew : Call::kNewArray;
  }
  return {frames + i, count - i, call};
}

unsigned libc_flag(std::uint32_t stack) {
  return stack != 0 && (ledger_file.node(stack)->line & ledger::kNodeLibc) != 0 ? ledger::kFlagLibc : 0;
}

}  // namespace

Captured capture_caller(std::uintptr_t caller, Call call) {
  return {bare_stack_node(0, caller), call, ledger::kFlagEarly};
}

Captured capture_stack(ThreadState& thread, std::uintptr_t caller, Call call, const ReentryGuard& guard) {
  if (thread.scratch == nullptr || !may_unwind(guard)) return capture_caller(caller, call);
  unsigned depth = frames_kept;
  if (unwind_way == Unwind::kCaller) {
    const FunctionKind kind = function_kind(caller, guard);
    if (kind != FunctionKind::kNew && kind != FunctionKind::kNewArray) {
      const std::uint32_t stack = stack_node(0, caller, guard);
      return {stack, call, libc_flag(stack)};
    }
    depth = 1;
  }

  const int saved = errno;
  std::uintptr_t* frames = thread.scratch->frames;
  const unsigned most = depth + 16 < ThreadScratch::kFrames ? depth + 16 : ThreadScratch::kFrames;
  UserFrames user = user_frames(frames, boost_frames(frames, most), caller, call, guard);
  errno = saved;
  if (LEAKDIR_UNLIKELY(user.count == 0)) return {stack_node(0, caller, guard), call, 0};

  unsigned flags = 0;
  if (user.count > depth) {
    user.count = depth;
    if (unwind_way != Unwind::kCaller) flags |= ledger::kFlagTruncated;
  }
  std::uint32_t stack = 0;
  for (unsigned i = user.count; i > 0; --i) {
    const std::uint32_t node = stack_node(stack, user.first[i - 1], guard);
    if (node == 0) return {0, user.call, flags};  // no room: half a stack would mislead
    stack = node;
  }
  return {stack, user.call, flags | libc_flag(stack)};
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
  if (!program_has_table_header()) tables.store(Tables::kAskEachTime, std::memory_order_relaxed);
}

}  // namespace leakdir
