// SPDX-License-Identifier: BSL-1.0
//
// bad_free KIND: one bad free, then proof that the heap is intact. Prints `at free=LINE first=LINE allocation=LINE
// address=0x…` and `goes on`.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "expect.h"

static char in_static[200];
static int line_of_allocation, line_of_first, line_of_bad;

#define HERE(variable, statement) \
  do {                            \
    statement;                    \
    variable = __LINE__;          \
  } while (0)

static NOINLINE void* allocate(void) {
  HERE(line_of_allocation, sink = malloc(1501));
  return hidden(sink);
}
static NOINLINE void free_first(void* block) { HERE(line_of_first, free(block)); }
static NOINLINE void free_badly(void* block) { HERE(line_of_bad, free(block)); }
static NOINLINE void realloc_badly(void* block) { HERE(line_of_bad, sink = realloc(block, 1601)); }

static void heap_is_intact(void) {
  void* blocks[200];
  for (int i = 0; i < 200; ++i) {
    blocks[i] = malloc(1501);
    memset(blocks[i], i, 1501);
  }
  for (int i = 0; i < 200; ++i) {
    for (int k = i + 1; k < 200; ++k) MUST(blocks[i] != blocks[k]);
    MUST(((unsigned char*)blocks[i])[1500] == (unsigned char)i);
  }
  for (int i = 0; i < 200; ++i) free(blocks[i]);
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  const char* kind = argv[1];
  char in_stack[200];
  void* bad = NULL;
  errno = 4711;
  if (strcmp(kind, "double") == 0) {
    bad = allocate();
    free_first(bad);
    free_badly(bad);
  } else if (strcmp(kind, "thrice") == 0) {
    bad = allocate();
    free_first(bad);
    free_badly(bad);
    free_badly(bad);
  } else if (strcmp(kind, "inside") == 0) {
    char* block = allocate();
    bad = block + 160;
    free_badly(bad);
    free(block);
  } else if (strcmp(kind, "stack") == 0) {
    bad = hidden(in_stack + 32);
    free_badly(bad);
  } else if (strcmp(kind, "static") == 0) {
    bad = hidden(in_static + 32);
    free_badly(bad);
  } else if (strcmp(kind, "wild") == 0) {
    bad = hidden((void*)0x1230);
    free_badly(bad);
  } else if (strcmp(kind, "misaligned") == 0) {
    bad = hidden(in_static + 33);
    free_badly(bad);
  } else if (strcmp(kind, "realloc-freed") == 0) {
    bad = allocate();
    free_first(bad);
    realloc_badly(bad);
  } else if (strcmp(kind, "realloc-static") == 0) {
    bad = hidden(in_static + 32);
    realloc_badly(bad);
  } else if (strcmp(kind, "realloc-inside") == 0) {
    char* block = allocate();
    bad = block + 160;
    realloc_badly(bad);
    free(block);
  } else {
    MUST(!"a known kind");
  }
  const int error = errno;
  char text[200];
  snprintf(text, sizeof text, "at free=%d first=%d allocation=%d address=%p errno=%d result=%s\n", line_of_bad,
           line_of_first, line_of_allocation, bad, error,
           strncmp(kind, "realloc", 7) != 0 ? "none"
           : sink                           ? "block"
                                            : "null");
  say(text);
  heap_is_intact();
  say("goes on\n");
  return 0;
}
