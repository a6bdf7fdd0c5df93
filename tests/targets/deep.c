// SPDX-License-Identifier: BSL-1.0
//
// deep N: leaks one block under N calls of the same function, and prints the line of each call.

#include <stdlib.h>

#include "expect.h"

static int call_line;

static NOINLINE void leak_here(void) { LEAK(malloc, 3001, malloc(3001)); }

static NOINLINE int descend(int levels) {
  if (levels == 0) {
    leak_here();
    return 1;
  }
  call_line = __LINE__ + 1;
  const int result = descend(levels - 1);
  __asm__ volatile("" : : : "memory");  // no tail call
  return result + 1;
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  char text[60];
  const int line = __LINE__ + 1;
  MUST(descend(atoi(argv[1])) == atoi(argv[1]) + 1);
  snprintf(text, sizeof text, "lines descend=%d main=%d\n", call_line, line);
  say(text);
  return 0;
}
