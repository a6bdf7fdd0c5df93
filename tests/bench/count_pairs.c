// SPDX-License-Identifier: BSL-1.0
//
// The program whose instructions count_instructions.sh counts, under callgrind: the same calls of malloc and free in
// every run, 33 frames deep, with 1000 live blocks. It asks callgrind for the figures of two stretches, `malloc` and
// `free`, after everything has been called often enough to be in its usual state. With the argument `pause` recording
// is switched off first.

#include <stdint.h>
#include <valgrind/callgrind.h>

#include "../../lib/include/leakdir/leakdir.h"
#include "bench.h"

enum { kLive = 1000, kRounds = 4, kAround = 5 };

static void* g_live[kLive];

static BENCH_NOINLINE void allocate_all(void) {
  for (int i = 0; i < kLive; ++i) {
    g_live[i] = malloc(16 + (size_t)i % 24 * 16);
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

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "pause") == 0) leakdir_stop();
  at_depth(33 - kAround, work, NULL);
  return 0;
}
