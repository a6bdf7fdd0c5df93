// SPDX-License-Identifier: BSL-1.0
//
// A timer's handler that allocates and frees, while two threads allocate and free as fast as they can. glibc's own
// malloc is not safe in a handler, so each side keeps to a size of its own and to blocks that glibc's per-thread cache
// always has: that part of glibc touches one list per size. What is interrupted, and entered again, is leakdir.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "expect.h"

enum { kOfProgram = 104, kOfHandler = 504, kWarm = 6 };
static volatile long handled;
static __thread volatile int warm;
static volatile int stop;

static void handler(int signal) {
  (void)signal;
  if (!warm) return;
  const int kept = errno;
  errno = 4711;
  void* volatile first = malloc(kOfHandler);
  void* volatile second = malloc(kOfHandler);
  free(first);
  free(second);
  if (errno != 4711) _exit(97);
  errno = kept;
  __atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

static void warm_up(void) {
  void* blocks[2 * kWarm];
  for (int i = 0; i < 2 * kWarm; ++i) blocks[i] = hidden(malloc(i < kWarm ? kOfProgram : kOfHandler));
  for (int i = 0; i < 2 * kWarm; ++i) free(blocks[i]);
  warm = 1;
}

static void* work(void* argument) {
  warm_up();
  while (!stop) {
    void* volatile one = malloc(kOfProgram);
    void* volatile two = malloc(kOfProgram);
    free(one);
    free(two);
  }
  warm = 0;
  return argument;
}

static NOINLINE void leak_one(void) { LEAK(malloc, 9001, malloc(9001)); }

int main(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  leak_one();
  MUST(sigaction(SIGALRM, &action, NULL) == 0);
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, work, NULL) == 0);
  const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
  MUST(setitimer(ITIMER_REAL, &often, NULL) == 0);
  warm_up();
  const time_t end = time(NULL) + 2;
  while (time(NULL) < end) {
    for (int i = 0; i < 1000; ++i) {
      void* volatile one = malloc(kOfProgram);
      free(one);
    }
    pthread_kill(thread, SIGALRM);
  }
  MUST(setitimer(ITIMER_REAL, &never, NULL) == 0);
  stop = 1;
  pthread_join(thread, NULL);
  warm = 0;
  char text[60];
  snprintf(text, sizeof text, "handled count=%ld\n", handled);
  say(text);
  return 0;
}
