// SPDX-License-Identifier: BSL-1.0
//
// What each of the four hooks is tried on. With STARTS_AND_STOPS it is between leakdir_start and leakdir_stop.

#define _GNU_SOURCE
#include <leakdir/leakdir.h>
#include <stdlib.h>

#include "expect.h"

static NOINLINE void leak_malloc(void) { LEAK(malloc, 1201, malloc(1201)); }
static NOINLINE void leak_calloc(void) { LEAK(calloc, 1203, calloc(1, 1203)); }
static NOINLINE void leak_realloc(void) { LEAK(realloc, 1213, realloc(hidden(malloc(31)), 1213)); }
static NOINLINE void leak_aligned(void) { LEAK(aligned_alloc, 1216, aligned_alloc(64, 1216)); }

int main(void) {
#ifdef STARTS_AND_STOPS
  MUST(hidden(malloc(77)) != NULL);
  leakdir_start();
#endif
  leak_malloc();
  leak_calloc();
  leak_realloc();
  leak_aligned();
  free(hidden(malloc(99)));
#ifdef STARTS_AND_STOPS
  leakdir_stop();
  MUST(hidden(malloc(78)) != NULL);
#endif
  return 0;
}
