// SPDX-License-Identifier: BSL-1.0
//
// The program whose instructions count_instructions.sh counts, under callgrind: the same calls of malloc and free in
// every run, 33 frames deep, with 1000 live blocks. It asks callgrind for the figures of two stretches, `malloc` and
// `free`, after everything has been called often enough to be in its usual state.
//
//   pause      recording is switched off first
//   outer N    each block is allocated by one of N ways (1 to 256) that differ in their outermost frames. Only the
//   calls
//              themselves are counted, not the way down to them
//
#include <stdint.h>
#include <valgrind/callgrind.h>

#include "../../lib/include/leakdir/leakdir.h"
#include "bench.h"

enum { kLive = 1000, kRounds = 4, kAround = 5, kOuterFrames = 3, kDepth = 33 };

static void* g_live[kLive];

static size_t size_of(int i) { return 16 + (size_t)i % 24 * 16; }

static BENCH_NOINLINE void allocate_all(void) {
  for (int i = 0; i < kLive; ++i) {
    g_live[i] = malloc(size_of(i));
    BENCH_KEEP(g_live[i]);
  }
}

static BENCH_NOINLINE void free_all(void) {
  // In another order than they were made in. 7 and kLive have no common factor.
  for (int i = 0; i < kLive; ++i) free(g_live[i * 7 % kLive]);
}

static BENCH_NOINLINE void work(void* unused) {
  for (int round = 0; round < kRounds; ++round) {
    CALLGRIND_ZERO_STATS;
    allocate_all();
    CALLGRIND_DUMP_STATS_AT("malloc");
    free_all();
    CALLGRIND_DUMP_STATS_AT("free");
  }
  (void)unused;
}

static BENCH_NOINLINE void allocate_one(void* number) {
  const int i = *(const int*)number;
  CALLGRIND_TOGGLE_COLLECT;
  void* const block = malloc(size_of(i));
  CALLGRIND_TOGGLE_COLLECT;
  g_live[i] = block;
  BENCH_KEEP_FRAME();
}

static BENCH_NOINLINE void allocate_one_further_in(void* number) {
  at_depth(kDepth - kAround - kOuterFrames, allocate_one, number);
}

static void work_by_outer_paths(int paths) {
  for (int round = 0; round < kRounds; ++round) {
    CALLGRIND_ZERO_STATS;
    // All ways in turn, in an order that changes.
    for (int i = 0; i < kLive; ++i) {
      with_outer_path((int)((unsigned)i * 2654435761u >> 16) % paths, allocate_one_further_in, &i);
    }
    CALLGRIND_DUMP_STATS_AT("malloc");
    CALLGRIND_TOGGLE_COLLECT;
    free_all();
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT("free");
  }
}

int main(int argc, char** argv) {
  if (argc > 2 && strcmp(argv[1], "outer") == 0) {
    const int paths = atoi(argv[2]);
    if (paths < 1 || paths > kOuterPaths) die("count_pairs: outer 1 to 256");
    work_by_outer_paths(paths);
    return 0;
  }
  if (argc > 1 && strcmp(argv[1], "pause") == 0) leakdir_stop();
  at_depth(kDepth - kAround, work, NULL);
  return 0;
}
