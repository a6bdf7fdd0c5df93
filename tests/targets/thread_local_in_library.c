// SPDX-License-Identifier: BSL-1.0
//
// Two threads, each of which holds a block by a thread-local variable of a library alone. With an argument the library
// comes by dlopen of it; without, it was there at the start (LD_PRELOAD).

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "expect.h"

static void (*keep)(void*);
static pthread_barrier_t barrier;

static NOINLINE void hold(size_t size) { keep(hidden(calloc(1, size))); }

static NOINLINE void wipe(void) {
  char stack[16384];
  memset(hidden(stack), 0, sizeof stack);
  hidden(stack);
}

static void* waits(void* unused) {
  hold(2003);
  wipe();
  pthread_barrier_wait(&barrier);
  for (;;) pause();
  return unused;
}

int main(int argc, char** argv) {
  void* const library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : RTLD_DEFAULT;
  MUST(library != NULL || argc == 1);
  *(void**)&keep = dlsym(library, "keep_in_library");
  MUST(keep != NULL);
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_t thread;
  pthread_create(&thread, NULL, waits, NULL);
  pthread_barrier_wait(&barrier);
  hold(2001);
  wipe();
  say("ready\n");
  for (;;) pause();
}
