// SPDX-License-Identifier: BSL-1.0
//
// small_stacks [at-once]: threads with the smallest stack that there is, each of which uses every hook and leaks one
// block. Sixteen, one after the other; or a thousand, all of them there at the same time.

#define _GNU_SOURCE
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "expect.h"

enum { kAtOnce = 1000 };
static pthread_barrier_t all_are_there;

static void use_every_hook(void) {
  for (int i = 0; i < 20; ++i) {
    void* block = malloc(100);
    block = realloc(hidden(block), 300);
    free(block);
    free(hidden(calloc(3, 50)));
    free(hidden(memalign(64, 100)));
    if (posix_memalign(&block, 64, 10) == 0) free(hidden(block));
    free(hidden(aligned_alloc(32, 64)));
    free(hidden(reallocarray(hidden(NULL), 3, 5)));
  }
}

static void* work(void* argument) {
  use_every_hook();
  sink = malloc(7001 + (size_t)argument);
  return NULL;
}

static void* work_at_once(void* argument) {
  use_every_hook();
  pthread_barrier_wait(&all_are_there);
  sink = malloc(7001 + (size_t)argument);
  pthread_barrier_wait(&all_are_there);
  use_every_hook();
  return NULL;
}

static void start_all_at_once(const pthread_attr_t* attributes) {
  static pthread_t threads[kAtOnce];
  MUST(pthread_barrier_init(&all_are_there, NULL, kAtOnce) == 0);
  for (size_t i = 0; i < kAtOnce; ++i) MUST(pthread_create(&threads[i], attributes, work_at_once, (void*)i) == 0);
  for (size_t i = 0; i < kAtOnce; ++i) MUST(pthread_join(threads[i], NULL) == 0);
}

int main(int argc, char** argv) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  MUST(pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN) == 0);
  if (argc == 2 && strcmp(argv[1], "at-once") == 0) {
    start_all_at_once(&attributes);
    return 0;
  }
  for (size_t round = 0; round < 16; ++round) {
    pthread_t thread;
    MUST(pthread_create(&thread, &attributes, work, (void*)round) == 0);
    MUST(pthread_join(thread, NULL) == 0);
  }
  return 0;
}
