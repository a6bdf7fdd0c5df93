// SPDX-License-Identifier: BSL-1.0
//
// What the link matrix links: a few blocks leaked, one through libc, others freed.

#define _GNU_SOURCE
#include <stdlib.h>

#include "expect.h"

NOINLINE void leak_malloc(void) { LEAK(malloc, 1613, malloc(1613)); }
NOINLINE void leak_calloc(void) { LEAK(calloc, 1619, calloc(1, 1619)); }
NOINLINE void leak_strdup(void) { LEAK_AS("libc strdup", 12, strdup((const char*)hidden((void*)"hello world"))); }

int main(void) {
  leak_malloc();
  leak_calloc();
  leak_strdup();
  char* text = NULL;
  MUST(asprintf(&text, "%d and %s", 42, "more") == 11);
  free(text);
  free(hidden(realloc(hidden(malloc(10)), 5000)));
  return 0;
}
