// SPDX-License-Identifier: BSL-1.0
//
// overruns.c HOW: a program that writes far beyond a block of its own, to the end of the heap, and goes on: with a
// block that it freed before, for which malloc looks at nothing that is destroyed. What leakdir reads must not have
// lain there.
//
// `first` lets its own unwinder be the first that looks for tables (a plain static program has libgcc sort them then).

#define _GNU_SOURCE
#include <execinfo.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

static NOINLINE void leak_before(void) { LEAK(malloc, 1301, malloc(1301)); }
static NOINLINE void leak_after(void) { LEAK(malloc, 301, malloc(301)); }
static NOINLINE void leak_deeper(void) {
  leak_after();
  hidden(NULL);
}

int main(int count, char** arguments) {
  void* frames[10];
  if (count == 2 && strcmp(arguments[1], "first") == 0) MUST(backtrace(frames, 10) > 1);
  free(hidden(malloc(1)));  // upon glibc 2.43 malloc's cache of free blocks is made then: it lies before the first
  LEAK(malloc, 67, malloc(67));
  char* first = sink;
  leak_before();
  free(hidden(malloc(301)));
  memset(hidden(first), 0xff, (size_t)((char*)sbrk(0) - first));
  leak_deeper();
  return 0;
}
