// SPDX-License-Identifier: BSL-1.0
//
// family FIRST: a thread forks, a thread of the child forks, and a thread of that one forks again, while other threads
// allocate. Each process leaks a block of its own size (FIRST plus its generation) from that thread, frees what its
// parent gave it, and says `process PID generation=N`.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "expect.h"

enum { kGenerations = 4 };
static size_t first;
static volatile int stop;

static void* work(void* argument) {
  while (!stop) free(hidden(malloc(77)));
  return argument;
}

static NOINLINE void leak(size_t generation) { sink = malloc(first + generation); }

static void* live(void* argument);

static void have_child(size_t generation) {
  void* given = hidden(malloc(first + 100 + generation));
  const pid_t child = fork();
  MUST(child >= 0);
  if (child == 0) {
    alarm(30);  // a deadlock ends by SIGALRM, and the parent says so
    free(given);
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, live, (void*)(generation + 1)) == 0);
    pthread_join(thread, NULL);
    exit(0);
  }
  int status = -1;
  MUST(waitpid(child, &status, 0) == child && status == 0);
  free(given);
}

static void* live(void* argument) {
  const size_t generation = (size_t)argument;
  char text[80];
  stop = 0;
  pthread_t worker;
  MUST(pthread_create(&worker, NULL, work, NULL) == 0);
  leak(generation);
  if (generation + 1 < kGenerations) have_child(generation);
  stop = 1;
  pthread_join(worker, NULL);
  snprintf(text, sizeof text, "process %d generation=%zu\n", getpid(), generation);
  say(text);
  return NULL;
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  first = strtoul(argv[1], NULL, 10);
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, live, (void*)0) == 0);
  pthread_join(thread, NULL);
  return 0;
}
