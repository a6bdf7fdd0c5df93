// SPDX-License-Identifier: BSL-1.0
//
// Threads that are cancelled while they allocate: at a cancellation point (deferred), or anywhere between two calls
// (asynchronous, switched off around what is not safe then). Their cleanup handlers free what they had in hand, and the
// destructor of a key what is kept by it. One in fifty leaks a block in its handler.

#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "expect.h"

enum { kThreads = 200, kLeakEvery = 50 };
static pthread_key_t key;
static sem_t under_way;

struct Work {
  size_t number;
  void* block;
};

static NOINLINE void leak_in_handler(size_t size) { LEAK(malloc, size, malloc(size)); }

static void clean_up(void* argument) {
  struct Work* work = argument;
  free(work->block);
  free(hidden(malloc(90)));
  if (work->number % kLeakEvery == 0) leak_in_handler(4700 + work->number);
}

static void step(struct Work* work, size_t i) {
  void* block = hidden(malloc(20 + i % 500));
  void* old = work->block;
  work->block = block;
  free(old);
}

static void* run_deferred(void* argument) {
  struct Work work = {(size_t)argument, NULL};
  pthread_setspecific(key, hidden(malloc(60)));
  pthread_cleanup_push(clean_up, &work);
  sem_post(&under_way);
  for (size_t i = 0;; ++i) {
    step(&work, i);
    pthread_testcancel();
  }
  pthread_cleanup_pop(1);
  return NULL;
}

static void* run_asynchronous(void* argument) {
  struct Work work = {(size_t)argument, NULL};
  int old;
  pthread_setspecific(key, hidden(malloc(60)));
  pthread_cleanup_push(clean_up, &work);
  sem_post(&under_way);
  for (size_t i = 0;; ++i) {
    step(&work, i);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    for (volatile int n = 0; n < 300; ++n) {
    }
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old);
  }
  pthread_cleanup_pop(1);
  return NULL;
}

int main(void) {
  MUST(pthread_key_create(&key, free) == 0);
  sem_init(&under_way, 0, 0);
  for (size_t i = 1; i <= kThreads; ++i) {
    pthread_t thread;
    void* result;
    MUST(pthread_create(&thread, NULL, i / 2 % 2 ? run_deferred : run_asynchronous, (void*)i) == 0);
    sem_wait(&under_way);
    MUST(pthread_cancel(thread) == 0);
    MUST(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
  }
  return 0;
}
