// SPDX-License-Identifier: BSL-1.0
//
// Each form in which a C program can name a function of the malloc family, with leakdir/trace.h. Blocks whose call the
// macros can see are expected with their line; `expect_no_place` says the others. trace_test.cc compiles it, with other
// flags each time, and with leakdir_trace.c in place of the object too (FREE_TWICE, FORK).

#ifndef BY_INCLUDE
#include <leakdir/trace.h>
#endif

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "expect.h"

struct header {
  unsigned length : 24;
};
struct pool {
  void *(*malloc)(struct pool *pool, size_t size);
  void *(*realloc)(size_t size, void *block);
  void (*free)(void *block);
};
#define own_alloc(n) malloc(n)
#define other_name malloc
#define xfree free
void *(malloc)(size_t size); /* a declaration after the header */

static NOINLINE void *allocate(struct pool *pool, size_t size) { return pool != NULL ? (malloc)(size) : NULL; }
static NOINLINE void *reallocate(size_t size, void *block) { return (realloc)(block, size); }
static NOINLINE void *from_a_table(struct pool *pool, size_t size) {
  static char table[64];
  return pool != NULL && size < sizeof table ? table : NULL;
}
static size_t measured(const char *text) {
  free(hidden((malloc)(77))); /* an allocation that the header does not see, in the middle of a call that it does */
  return strlen(text);
}

static void calls(void) {
  void *p = NULL;
  struct header header;
  header.length = 1009;
  LEAK(malloc, 1001, malloc(1001));
  LEAK(calloc, 1005, calloc(3, 335));
  LEAK(realloc, 1007, realloc(NULL, 1007));
  LEAK(realloc, 1003, realloc(0, 1003));
  LEAK(realloc, 1011, realloc(malloc(10), 1011));
  LEAK(reallocarray, 1035, reallocarray(NULL, 5, 207));
  LEAK(aligned_alloc, 1024, aligned_alloc(64, 1024));
  LEAK(posix_memalign, 1041, (posix_memalign(&p, 64, 1041), hidden(p)));
  LEAK(malloc, 1009, malloc(header.length));
  LEAK(malloc, 1013, own_alloc(1013));
  LEAK(malloc, 1019, other_name(1019));
  LEAK(malloc, 1021, (malloc(1021)));
  LEAK(malloc, 1031, malloc(measured("x") + 1030));
  LEAK(malloc, 1033, malloc(1033));
  LEAK_AS("malloc of strdup", 11, strdup("0123456789"));
  LEAK_AS("malloc of strndup", 6, strndup("0123456789", 5));
  LEAK_AS("malloc of wcsdup", 5 * sizeof(wchar_t), wcsdup(L"wide"));
  p = strdup("gone");
  LEAK(malloc, 8, malloc(strlen(p) + 4));
  xfree(p);
}

static void other_forms(void) {
  void *(*pointer)(size_t) = malloc, *(*address)(size_t) = &malloc;
  void (*release)(void *) = free;
  struct pool pool = {allocate, reallocate, free}, *at = &pool;
  void *p = pool.malloc(&pool, 1500); /* its own line is as good as that in allocate() */
  release(p);
  pool.free(at->malloc(at, 16));
  pool.free(pool.realloc(100, NULL));
  sink = (malloc)(1601);
  sink = pointer(1603);
  sink = address(1605);
  pool.malloc = from_a_table;
  sink = pool.malloc(&pool, 31); /* allocates nothing: the next block has not this line */
  sink = pointer(1607);
  say("no place: 1601 1603 1605 1607\n");
}

int main(void) {
  calls();
  other_forms();
#ifdef FREE_TWICE
  {
    char *block = hidden(malloc(1701));
    say("bad frees\n");
    free(block);
    free(hidden(block));
    block = hidden(malloc(1703));
    free(hidden(block + 3));
    free(block);
    block = hidden(malloc(1705));
    free(block);
    MUST(realloc(hidden(block), 9) == NULL);
  }
#endif
  return sizeof(malloc(1)) == 0;
}
