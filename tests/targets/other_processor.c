// SPDX-License-Identifier: BSL-1.0
//
// For other processors than ours: a stack of known depth, through a pointer to a function and in a second thread; a
// record that realloc replaces; blocks that come and go. `killed`: ends by SIGKILL. `pairs` N: no more than so many
// blocks that come and go, from 30 frames further in.

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "expect.h"

static void* (*volatile allocate)(size_t) = malloc;

static NOINLINE void innermost(void) { LEAK_AS("malloc", 1409, allocate(1409)); }
static NOINLINE void middle(void) {
  innermost();
  say("");
}
static NOINLINE void outermost(void) {
  middle();
  say("");
}

static NOINLINE void grow(void) {
  void* small = hidden(malloc(33));
  LEAK(realloc, 150011, realloc(small, 150011));
}

static NOINLINE void come_and_go(void) {
  for (size_t i = 0; i < 20000; ++i) free(hidden(malloc(i % 700)));
}

static void* in_thread(void* argument) {
  LEAK(calloc, 1423, calloc(1, 1423));
  come_and_go();
  return argument;
}

static NOINLINE void pairs(int count, int depth) {
  if (depth != 0) {
    pairs(count, depth - 1);
  } else {
    for (int i = 0; i < count; ++i) free(hidden(malloc(24)));
  }
  say("");
}

int main(int argc, char** argv) {
  if (argc > 2 && strcmp(argv[1], "pairs") == 0) {
    pairs(atoi(argv[2]), 30);
    return 0;
  }
  outermost();
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, in_thread, NULL) == 0);
  come_and_go();
  MUST(pthread_join(thread, NULL) == 0);
  grow();
  if (argc > 1 && strcmp(argv[1], "killed") == 0) kill(getpid(), SIGKILL);
  return 0;
}
