// SPDX-License-Identifier: BSL-1.0
//
// More threads, one after the other, than the ledger has rows for: each has a name of its own, and leaves a block whose
// size says which thread it was.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>

#include "expect.h"

enum { kThreads = 17000 };
static void* volatile kept[kThreads];

static void* leave_a_block(void* argument) {
  const size_t number = (size_t)argument;
  char name[16];
  snprintf(name, sizeof name, "of %zu", 20 + number);
  MUST(pthread_setname_np(pthread_self(), name) == 0);
  kept[number] = malloc(20 + number);
  return NULL;
}

int main(void) {
  for (size_t i = 0; i < kThreads; ++i) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, leave_a_block, (void*)i) == 0);
    MUST(pthread_join(thread, NULL) == 0);
  }
  return 0;
}
