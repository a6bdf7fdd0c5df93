// SPDX-License-Identifier: BSL-1.0
//
// What it costs to have very many live blocks: allocates them all, then frees them all.
//
//   --blocks N   (1000000)      --depth N   frames of each recorded stack (33)
//   --pauses 1   time each call on its own (slower) and print the longest, by the thread's own time: what the scheduler
//                takes for others does not count
//
// Prints cpu_ns and wall_ns per malloc/free pair, the two halves malloc_ns and free_ns, resident bytes per block while
// all live (the program's own, so that the same without a tool is to be taken away), the bytes of leakdir's ledger per
// block (0 without leakdir), and peak_kib, VmHWM.

#include <sys/stat.h>

#include "../../lib/include/leakdir/leakdir.h"
#include "bench.h"

enum { kBelowChain = 1, kAbove = 4 };

static long g_blocks, g_pauses;

static double ledger_bytes(void) {
  char path[4200];
  struct stat about;
  snprintf(path, sizeof path, "%s/.ledger", leakdir_dir());
  return *leakdir_dir() != 0 && stat(path, &about) == 0 ? (double)about.st_blocks * 512 : 0;
}

static void note_longest(double* longest, double start) {
  const double took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
  if (took > *longest) *longest = took;
}

static BENCH_NOINLINE void work(void* unused) {
  // Its own table is touched before anything is measured.
  void** live = malloc((size_t)g_blocks * sizeof *live);
  memset(live, 1, (size_t)g_blocks * sizeof *live);
  const double resident_before = (double)status_kib("VmRSS:"), ledger_before = ledger_bytes();
  double longest_malloc = 0, longest_free = 0;

  const double wall = clock_ns(CLOCK_MONOTONIC), start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  for (long i = 0; i < g_blocks; ++i) {
    const double before = g_pauses ? clock_ns(CLOCK_THREAD_CPUTIME_ID) : 0;
    live[i] = malloc(16 + (size_t)(i % 4) * 16);
    BENCH_KEEP(live[i]);
    if (g_pauses) note_longest(&longest_malloc, before);
    *(char*)live[i] = 1;
  }
  const double all_live = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall_live = clock_ns(CLOCK_MONOTONIC);
  const double resident = (double)status_kib("VmRSS:") - resident_before, ledger = ledger_bytes() - ledger_before;
  const double start_of_free = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall_free = clock_ns(CLOCK_MONOTONIC);
  for (long i = 0; i < g_blocks; ++i) {
    const double before = g_pauses ? clock_ns(CLOCK_THREAD_CPUTIME_ID) : 0;
    free(live[i]);
    if (g_pauses) note_longest(&longest_free, before);
  }
  const double end = clock_ns(CLOCK_THREAD_CPUTIME_ID), wall_end = clock_ns(CLOCK_MONOTONIC);
  free(live);

  const double blocks = (double)g_blocks, malloc_ns = (all_live - start) / blocks,
               free_ns = (end - start_of_free) / blocks;
  printf("cpu_ns %.2f\nwall_ns %.2f\nmalloc_ns %.2f\nfree_ns %.2f\n", malloc_ns + free_ns,
         (wall_live - wall + wall_end - wall_free) / blocks, malloc_ns, free_ns);
  printf("resident_bytes %.2f\nledger_bytes %.2f\npeak_kib %ld\n", resident * 1024 / blocks, ledger / blocks,
         status_kib("VmHWM:"));
  if (g_pauses) printf("longest_malloc_us %.1f\nlongest_free_us %.1f\n", longest_malloc / 1e3, longest_free / 1e3);
  (void)unused;
}

int main(int argc, char** argv) {
  g_blocks = option(argc, argv, "--blocks", 1000000);
  g_pauses = option(argc, argv, "--pauses", 0);
  maybe_mtrace(argc, argv);
  at_depth((int)option(argc, argv, "--depth", 33) - kBelowChain - kAbove, work, NULL);
  return 0;
}
