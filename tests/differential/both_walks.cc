// SPDX-License-Identifier: BSL-1.0

#include "both_walks.hh"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <boost/stacktrace/safe_dump_to.hpp>
#include <cstdio>

#include "walk/whole_stack.hh"

namespace differential {
namespace {

constexpr unsigned kMax = leakdir::kFastWalkMaxFrames;
constexpr unsigned kOwnFrames = 8;  // of this file, above the stack that is asked for

std::atomic<unsigned long> g_compared, g_declined, g_frames, g_reused, g_known_whole;

struct PerThread {
  leakdir::FastWalkState* state;
  leakdir::FastWalkState* new_state;
  std::uintptr_t boost[kMax + kOwnFrames + 2];
  std::uintptr_t fast[kMax];
  unsigned calls;
  leakdir::FastWalkState* lent;
  bool is_inside;
};
thread_local PerThread t_own;

// Too large for a small stack's thread-local data, and left when the thread ends.
leakdir::FastWalkState* make_state() {
  void* const memory =
      mmap(nullptr, sizeof(leakdir::FastWalkState), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  return static_cast<leakdir::FastWalkState*>(memory);
}

void say(const char* text) {
  if (write(2, text, strlen(text)) < 0) _exit(99);
}

void print_frames(const char* name, const std::uintptr_t* frames, unsigned count) {
  char line[64];
  snprintf(line, sizeof line, "%s: %u frames\n", name, count);
  say(line);
  for (unsigned i = 0; i < count; ++i) {
    snprintf(line, sizeof line, "  #%u 0x%lx\n", i, static_cast<unsigned long>(frames[i]));
    say(line);
  }
}

[[noreturn]] void fail(const char* what, const std::uintptr_t* boost, unsigned boost_count, unsigned fast_count) {
  say("differential: ");
  say(what);
  say("\n");
  print_frames("Boost", boost, boost_count);
  print_frames("fast", t_own.fast, fast_count);
  abort();
}

// Walks with `state` and at most `max` frames, compares with the first of Boost's. Returns the number of frames,
// kCannot when the walk declines; sets *followed to how many of them were found by their rules.
int compare_with(leakdir::FastWalkState& state, const leakdir::WalkStart& start, unsigned max,
                 const std::uintptr_t* boost, unsigned boost_count, unsigned* followed) {
  PerThread& own = t_own;
  memset(own.fast, 0xee, sizeof own.fast);
  const unsigned followed_before = state.followed;
  const int n = leakdir::fast_walk(state, start, max);
  *followed = state.followed - followed_before;
  if (n == leakdir::kCannot) return n;
  const unsigned found = leakdir::frames_of_walk(state, own.fast, kMax < max ? kMax : max);
  const unsigned expected = boost_count < max ? boost_count : max;
  if (found != static_cast<unsigned>(n)) fail("another number of frames than it said", boost, expected, found);
  if (found != expected) fail("another number of frames", boost, expected, found);
  if (memcmp(own.fast, boost, found * sizeof own.fast[0]) != 0) fail("other frames", boost, expected, found);
  if (boost_count > max && !state.truncated) fail("not marked as truncated", boost, boost_count, found);
  if (boost_count < max && state.truncated) fail("marked as truncated", boost, boost_count, found);
  return n;
}

// Not 0, and of other frames hardly ever the same. Of those that a walk of at most kMax would find.
std::uint64_t name_of(const std::uintptr_t* frames, unsigned count) {
  if (count > kMax) count = kMax;
  std::uint64_t name = count;
  for (unsigned i = 0; i < count; ++i) name = (name ^ frames[i]) * 0x100000001b3u;
  return name | 1;
}

// What is known of a whole stack without a walk is known of this one.
void compare_known(leakdir::FastWalkState& state, const leakdir::WalkStart& start, const std::uintptr_t* boost,
                   unsigned boost_count) {
  const std::uint64_t known = leakdir::known_whole_stack(state, start);
  if (known == 0) return;
  g_known_whole.fetch_add(1, std::memory_order_relaxed);
  if (known != name_of(boost, boost_count)) fail("another whole stack is known", boost, boost_count, 0);
}

void compare_all(const leakdir::WalkStart& start, const std::uintptr_t* boost, unsigned boost_count) {
  PerThread& own = t_own;
  unsigned followed;
  leakdir::FastWalkState& state = own.lent != nullptr ? *own.lent : *own.state;
  compare_known(state, start, boost, boost_count);
  const int n = compare_with(state, start, kMax, boost, boost_count, &followed);
  g_compared.fetch_add(1, std::memory_order_relaxed);
  if (n == leakdir::kCannot) {
    g_declined.fetch_add(1, std::memory_order_relaxed);
  } else {
    const auto count = static_cast<unsigned>(n);
    g_frames.fetch_add(count, std::memory_order_relaxed);
    g_reused.fetch_add(followed < count ? count - followed : 0, std::memory_order_relaxed);
    // The same stack again, by what was learnt.
    if (compare_with(state, start, kMax, boost, boost_count, &followed) != leakdir::kCannot) {
      leakdir::whole_stack_is(state, start, kMax, name_of(boost, boost_count));
    }
    compare_known(state, start, boost, boost_count);
  }

  // A walk that has learnt nothing, and one that learnt with another limit.
  static constexpr unsigned kLimits[] = {kMax, 32, 1, 5, 64, 17, 3, 33};
  const unsigned limit = kLimits[own.calls++ % (sizeof kLimits / sizeof kLimits[0])];
  if (own.calls % 3 == 0) leakdir::fast_walk_forget_runs(*own.new_state);
  const int m = compare_with(*own.new_state, start, limit, boost, boost_count, &followed);
  if (n != leakdir::kCannot && m == leakdir::kCannot) fail("declined with a limit only", boost, boost_count, 0);
}

}  // namespace

Counts counts() noexcept {
  return {g_compared.load(), g_declined.load(), g_frames.load(), g_reused.load(), g_known_whole.load()};
}

void compare_from(const leakdir::WalkStart& start) noexcept {
  PerThread& own = t_own;
  if (own.is_inside) return;
  own.is_inside = true;
  if (own.state == nullptr) own.state = make_state();
  if (own.new_state == nullptr) own.new_state = make_state();
  const std::size_t dumped = boost::stacktrace::safe_dump_to(own.boost, sizeof own.boost) - 1;
  unsigned skip = 0;
  while (skip < dumped && own.boost[skip] != start.pc) ++skip;
  if (skip == dumped || skip > kOwnFrames) fail("Boost does not find the start", own.boost, dumped, 0);
  unsigned count = dumped - skip;
  compare_all(start, own.boost + skip, count);
  own.is_inside = false;
}

void compare_with_state(leakdir::FastWalkState* state) noexcept { t_own.lent = state; }

void compare_here() noexcept { compare_from(leakdir::walk_start_here()); }

}  // namespace differential
