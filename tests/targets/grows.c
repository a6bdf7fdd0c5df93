// SPDX-License-Identifier: BSL-1.0
//
// grows FIFO: does what it is told, a line each: `leak N DEPTH` leaks N blocks of 1009 bytes under DEPTH calls of the
// same function, `free N` frees the N that came last, `exit` ends. It says `done` after each.

#include <fcntl.h>
#include <stdlib.h>

#include "expect.h"

enum { kMost = 1000 };
static void* blocks[kMost];
static int live;

static NOINLINE void leak_more(int count) {
  for (int i = 0; i < count; ++i) {
    MUST(live < kMost);
    blocks[live++] = malloc(1009);
  }
}

static NOINLINE int descend(int levels, int count) {
  if (levels == 0) {
    leak_more(count);
    return 1;
  }
  const int result = descend(levels - 1, count);
  __asm__ volatile("" : : : "memory");  // no tail call
  return result + 1;
}

// Without stdio, which would allocate.
static void read_line(int from, char* line, size_t room) {
  for (size_t i = 0; i < room; ++i) {
    MUST(read(from, line + i, 1) == 1);
    if (line[i] != '\n') continue;
    line[i] = '\0';
    return;
  }
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  char line[60], verb[20];
  const int commands = open(argv[1], O_RDWR);  // to write too, so that it is never at its end
  MUST(commands >= 0);
  say("ready\n");
  for (;;) {
    read_line(commands, line, sizeof line);
    int count = 0, depth = 0;
    MUST(sscanf(line, "%19s %d %d", verb, &count, &depth) >= 1);
    if (strcmp(verb, "exit") == 0) break;
    if (strcmp(verb, "leak") == 0) MUST(descend(depth, count) == depth + 1);
    if (strcmp(verb, "free") == 0)
      for (int i = 0; i < count; ++i) free(blocks[--live]);
    say("done\n");
  }
  return 0;
}
