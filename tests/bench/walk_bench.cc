// SPDX-License-Identifier: BSL-1.0
//
// What a stack of 36 frames costs: the fast walk against Boost.Stacktrace, in ns per frame.
//
//   repeated    the same stack as last time, from the same call: a loop that allocates
//   changed     the innermost four frames differ from last time: a loop that calls functions that allocate
//   new         no run is known, all rules are
//   coroutine   repeated, on a stack that is not the thread's own: each walk asks the kernel what can be read
//
// Each figure is the median of several runs. It prints; it asserts nothing but that the frames are right.

#include <time.h>
#include <ucontext.h>

#include <algorithm>
#include <boost/stacktrace/safe_dump_to.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "walk/fast_walk.hh"

namespace {

constexpr unsigned kFrames = 36;
constexpr int kRuns = 9;
constexpr int kCalls = 100000;
constexpr int kBoostCalls = 2000;

leakdir::FastWalkState g_state;

double now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

// Stands for a hook.
[[gnu::noinline]] int walk_fast() { return leakdir::fast_walk(g_state, leakdir::walk_start_here(), kFrames); }

[[gnu::noinline]] int walk_boost() {
  static std::uintptr_t dump[kFrames + 1];
  const std::size_t n = boost::stacktrace::safe_dump_to(1, dump, sizeof dump);
  return static_cast<int>(n) - 1;
}

void die(const char* what) {
  std::fprintf(stderr, "walk_bench: %s\n", what);
  std::exit(1);
}

template <typename Call>
double ns_per_call(int calls, Call call) {
  std::vector<double> runs;
  for (int run = 0; run < kRuns; ++run) {
    const double start = now_ns();
    for (int i = 0; i < calls; ++i) call();
    runs.push_back((now_ns() - start) / calls);
  }
  std::sort(runs.begin(), runs.end());
  return runs[runs.size() / 2];
}

[[gnu::noinline]] int two(int (*walk)()) {
  asm volatile("");
  return walk() + 1;
}
[[gnu::noinline]] int three(int (*walk)()) {
  asm volatile("");
  return two(walk) + 1;
}
[[gnu::noinline]] int left(int (*walk)()) {
  asm volatile("");
  return three(walk) + 1;
}
[[gnu::noinline]] int right(int (*walk)()) {
  volatile char room[64];
  room[0] = 1;
  return three(walk) + room[0];
}

void print(const char* name, double fast, double boost) {
  std::printf("%-10s %8.1f %8.2f %10.1f %8.1f %8.0fx\n", name, fast, fast / kFrames, boost, boost / kFrames,
              boost / fast);
}

void measure() {
  if (walk_fast() != static_cast<int>(kFrames) || walk_boost() != static_cast<int>(kFrames)) die("not 36 frames");
  const double boost = ns_per_call(kBoostCalls, [] { walk_boost(); });
  std::printf("%-10s %8s %8s %10s %8s %9s\n", "36 frames", "fast ns", "/frame", "Boost ns", "/frame", "");
  print("repeated", ns_per_call(kCalls, [] { walk_fast(); }), boost);
  const double changed = ns_per_call(kCalls, [] {
    left(walk_fast);
    right(walk_fast);
  });
  const double boost_changed = ns_per_call(kBoostCalls, [] {
    left(walk_boost);
    right(walk_boost);
  });
  print("changed", changed / 2, boost_changed / 2);
  print("new",
        ns_per_call(kCalls,
                    [] {
                      leakdir::fast_walk_forget_runs(g_state);
                      walk_fast();
                    }),
        boost);
}

ucontext_t g_main_context;
alignas(4096) char g_coroutine_stack[64 * 1024];

void coroutine() {
  const double boost = ns_per_call(kBoostCalls, [] { walk_boost(); });
  print("coroutine", ns_per_call(kCalls, [] { walk_fast(); }), boost);
}

template <unsigned kDepth>
int descend();

void measure_coroutine() {
  static ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = g_coroutine_stack;
  context.uc_stack.ss_size = sizeof g_coroutine_stack;
  context.uc_link = &g_main_context;
  makecontext(
      &context, [] { descend<kFrames>(); }, 0);
  swapcontext(&g_main_context, &context);
}

bool g_is_coroutine;

// Each frame a function of its own, every third one with a saved rbp.
template <unsigned kDepth>
[[gnu::noinline]] int descend() {
  volatile char room[16 + kDepth % 5 * 24];
  room[0] = 1;
  if constexpr (kDepth % 3 == 0) asm volatile("" ::: "rbx", "rbp", "r12");
  if constexpr (kDepth == 0) {
    g_is_coroutine ? coroutine() : measure();
    return room[0];
  } else {
    return descend<kDepth - 1>() + room[0];
  }
}

}  // namespace

int main() {
  const int sum = descend<kFrames>();
  g_is_coroutine = true;
  measure_coroutine();
  return sum == 0;
}
