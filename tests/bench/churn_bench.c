// SPDX-License-Identifier: BSL-1.0
//
// What a malloc/free pair costs at a chosen stack depth, while many blocks are live: a block of the live ones, taken at
// random, is freed, and one of a random size is made instead.
//
//   --depth N    frames of each recorded stack, main's callers included        (33)
//   --live N     live blocks of each thread                                    (10000)
//   --pairs N    pairs of each thread that are measured, after a tenth of them to warm up (1000000)
//   --threads N  1 or 2; one of them is the initial thread                     (1)
//   --descend 1  each pair anew goes down to that depth and comes back, as programs do; 0: stays there (0)
//   --paths N    1 to 4: ways that the innermost two frames change among       (1)
//   --outer-paths N  1 to 256: each pair goes down anew, by one of so many outer frames; 0: none of them (0)
//
// Prints per pair and thread: cpu_ns, that thread's own time; wall_ns; process_ns, the time of all threads, helpers
// included, per pair. The pairs are measured in ten parts, of which the median counts. peak_kib is VmHWM.

#include <pthread.h>
#include <stdint.h>

#include "bench.h"

enum { kParts = 10, kThreadsMost = 2, kLeafFrames = 2 };

// Frames below and above the chain: churn with its leaf, and what calls into it.
enum { kBelowChain = 1 + kLeafFrames, kAboveInitial = 4, kAboveOther = 3, kOuterFrames = 2 };

struct Thread {
  int number;
  double cpu_ns[kParts], wall_ns[kParts];
};

static long g_depth, g_live, g_pairs, g_paths, g_outer_paths, g_descend;
static pthread_barrier_t g_start;
static struct Thread g_threads[kThreadsMost];
static double g_process_ns;  // of all threads while the pairs are measured

static uint32_t next_random(uint32_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

// Two functions between churn and malloc, in four versions.
typedef void* (*Leaf)(size_t);
#define LEAF_STEP(name, callee)                    \
  static BENCH_NOINLINE void* name(size_t bytes) { \
    void* block = callee(bytes);                   \
    BENCH_KEEP(block);                             \
    return block;                                  \
  }
#define LEAF(version)                       \
  LEAF_STEP(leaf_##version##_inner, malloc) \
  LEAF_STEP(leaf_##version, leaf_##version##_inner)
LEAF(a) LEAF(b) LEAF(c) LEAF(d) static Leaf const g_leaves[] = {leaf_a, leaf_b, leaf_c, leaf_d};

struct Place {
  void** live;
  uint32_t random;
};

// Inlined: it is no frame of its own.
static inline __attribute__((always_inline)) void replace_one(struct Place* place) {
  const uint32_t r = next_random(&place->random);
  void** slot = &place->live[(uint64_t)(r >> 8) * (uint64_t)g_live >> 24];
  free(*slot);
  *slot = g_leaves[r % (uint32_t)g_paths](16 + r % 241);
  **(char**)slot = 1;
}

// A frame that stands for the chain's last.
static BENCH_NOINLINE void replace_one_below(void* place) {
  replace_one(place);
  BENCH_KEEP_FRAME();
}

struct WayDown {
  int frames;
  struct Place* place;
};

static BENCH_NOINLINE void replace_one_further_in(void* way) {
  const struct WayDown* const down = way;
  at_depth(down->frames, replace_one_below, down->place);
}

static inline __attribute__((always_inline)) void replace_some(struct Place* place, long pairs, int above) {
  if (g_outer_paths != 0) {
    struct WayDown way = {(int)g_depth - kBelowChain - above - kOuterFrames - 2, place};
    uint32_t random = 88675123;
    for (long i = 0; i < pairs; ++i) {
      with_outer_path((int)(next_random(&random) % (uint32_t)g_outer_paths), replace_one_further_in, &way);
    }
  } else if (g_descend) {
    const int frames = (int)g_depth - kBelowChain - above - 1;
    for (long i = 0; i < pairs; ++i) at_depth(frames, replace_one_below, place);
  } else {
    for (long i = 0; i < pairs; ++i) replace_one(place);
  }
}

static BENCH_NOINLINE void churn(void* argument) {
  struct Thread* thread = argument;
  const int above = thread->number == 0 ? kAboveInitial : kAboveOther;
  void** live = calloc((size_t)g_live, sizeof *live);
  struct Place place = {live, 2463534242u + (uint32_t)thread->number};
  const long part = g_pairs / kParts;
  for (long i = 0; i < g_live; ++i) live[i] = g_leaves[0](16 + next_random(&place.random) % 241);
  replace_some(&place, part, above);
  pthread_barrier_wait(&g_start);
  const double process = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < kParts; ++i) {
    const double cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
    replace_some(&place, part, above);
    thread->cpu_ns[i] = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) / (double)part;
    thread->wall_ns[i] = (clock_ns(CLOCK_MONOTONIC) - wall) / (double)part;
  }
  pthread_barrier_wait(&g_start);
  if (thread->number == 0) g_process_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - process;
  for (long i = 0; i < g_live; ++i) free(live[i]);
  free(live);
  BENCH_KEEP_FRAME();
}

static void* run(void* thread) {
  at_depth(g_descend || g_outer_paths ? 0 : (int)g_depth - kBelowChain - kAboveOther, churn, thread);
  return thread;
}

int main(int argc, char** argv) {
  g_depth = option(argc, argv, "--depth", 33);
  g_live = option(argc, argv, "--live", 10000);
  g_pairs = option(argc, argv, "--pairs", 1000000);
  g_paths = option(argc, argv, "--paths", 1);
  g_outer_paths = option(argc, argv, "--outer-paths", 0);
  g_descend = option(argc, argv, "--descend", 0);
  const int threads = (int)option(argc, argv, "--threads", 1);
  if (threads < 1 || threads > kThreadsMost || g_paths < 1 || g_paths > 4 || g_outer_paths < 0 ||
      g_outer_paths > kOuterPaths || g_pairs < kParts || g_live < 1) {
    die("churn_bench: an option is out of range");
  }
  maybe_mtrace(argc, argv);

  pthread_barrier_init(&g_start, NULL, (unsigned)threads);
  pthread_t others[kThreadsMost];
  for (int i = 0; i < threads; ++i) g_threads[i].number = i;
  for (int i = 1; i < threads; ++i) {
    if (pthread_create(&others[i], NULL, run, &g_threads[i]) != 0) die("churn_bench: no thread");
  }
  at_depth(g_descend || g_outer_paths ? 0 : (int)g_depth - kBelowChain - kAboveInitial, churn, &g_threads[0]);
  for (int i = 1; i < threads; ++i) pthread_join(others[i], NULL);

  double cpu = 0, wall = 0;
  for (int i = 0; i < threads; ++i) {
    cpu += median(g_threads[i].cpu_ns, kParts) / threads;
    wall += median(g_threads[i].wall_ns, kParts) / threads;
  }
  printf("cpu_ns %.2f\nwall_ns %.2f\nprocess_ns %.2f\npeak_kib %ld\n", cpu, wall,
         g_process_ns / ((double)g_pairs * threads), status_kib("VmHWM:"));
  return 0;
}
