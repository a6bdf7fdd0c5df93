// SPDX-License-Identifier: BSL-1.0

#include "both_walks.hh"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <boost/stacktrace/safe_dump_to.hpp>
#include <cstdio>

namespace differential {
namespace {

constexpr unsigned kMax = leakdir::kFastWalkMaxFrames;
constexpr unsigned kOwnFrames = 8;  // of this file, above the stack that is asked for

std::atomic<unsigned long> g_compared, g_declined, g_frames, g_reused;

struct PerThread {
  leakdir::FastWalkState state;
  leakdir::FastWalkState new_state;
  std::uintptr_t boost[kMax + kOwnFrames + 2];
  std::uintptr_t fast[kMax];
  std::uintptr_t previous[kMax];
  unsigned previous_count;
  unsigned calls;
  leakdir::FastWalkState* lent;
  bool is_inside;
};
thread_local PerThread t_own;

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
// kCannot when the walk declines.
int compare_with(leakdir::FastWalkState& state, const leakdir::WalkStart& start, unsigned max,
                 const std::uintptr_t* boost, unsigned boost_count, unsigned* reused) {
  PerThread& own = t_own;
  bool truncated = false;
  memset(own.fast, 0xee, sizeof own.fast);
  const int n = leakdir::fast_walk(state, start, own.fast, max, reused, &truncated);
  if (n == leakdir::kCannot) return n;
  const auto found = static_cast<unsigned>(n);
  const unsigned expected = boost_count < max ? boost_count : max;
  if (found != expected) fail("another number of frames", boost, expected, found);
  if (memcmp(own.fast, boost, found * sizeof own.fast[0]) != 0) fail("other frames", boost, expected, found);
  if (*reused > found) fail("more frames reused than found", boost, expected, found);
  if (boost_count > max && !truncated) fail("not marked as truncated", boost, boost_count, found);
  if (boost_count < max && truncated) fail("marked as truncated", boost, boost_count, found);
  return n;
}

void compare_all(const leakdir::WalkStart& start, const std::uintptr_t* boost, unsigned boost_count) {
  PerThread& own = t_own;
  unsigned reused;
  const int n = compare_with(own.lent != nullptr ? *own.lent : own.state, start, kMax, boost, boost_count, &reused);
  g_compared.fetch_add(1, std::memory_order_relaxed);
  if (n == leakdir::kCannot) {
    g_declined.fetch_add(1, std::memory_order_relaxed);
  } else {
    const auto count = static_cast<unsigned>(n);
    if (own.lent == nullptr) {  // or its previous walk is not known here
      if (reused > own.previous_count || memcmp(own.fast + count - reused, own.previous + own.previous_count - reused,
                                                reused * sizeof own.fast[0]) != 0) {
        fail("frames called reused that are others", own.previous, own.previous_count, count);
      }
      memcpy(own.previous, own.fast, count * sizeof own.fast[0]);
      own.previous_count = count;
    }
    g_frames.fetch_add(count, std::memory_order_relaxed);
    g_reused.fetch_add(reused, std::memory_order_relaxed);
  }

  // A walk that finds nothing of its own, and one whose previous walk was cut elsewhere.
  static constexpr unsigned kLimits[] = {kMax, 32, 1, 5, 64, 17, 3, 33};
  const unsigned limit = kLimits[own.calls++ % (sizeof kLimits / sizeof kLimits[0])];
  if (own.calls % 3 == 0) leakdir::fast_walk_forget_previous(own.new_state);
  const int m = compare_with(own.new_state, start, limit, boost, boost_count, &reused);
  if (n != leakdir::kCannot && m == leakdir::kCannot) fail("declined with a limit only", boost, boost_count, 0);
}

}  // namespace

Counts counts() noexcept { return {g_compared.load(), g_declined.load(), g_frames.load(), g_reused.load()}; }

void compare_from(const leakdir::WalkStart& start) noexcept {
  PerThread& own = t_own;
  if (own.is_inside) return;
  own.is_inside = true;
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
