// SPDX-License-Identifier: BSL-1.0
//
// Threads with the smallest stack that there is, each of which uses every hook and leaks one block.

#define _GNU_SOURCE
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "expect.h"

static void* work(void* argument) {
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
  sink = malloc(7001 + (size_t)argument);
  return NULL;
}

int main(void) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  MUST(pthread_attr_setstacksize(&attributes, 16384) == 0);
  for (size_t round = 0; round < 16; ++round) {
    pthread_t thread;
    MUST(pthread_create(&thread, &attributes, work, (void*)round) == 0);
    MUST(pthread_join(thread, NULL) == 0);
  }
  return 0;
}
