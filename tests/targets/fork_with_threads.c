// SPDX-License-Identifier: BSL-1.0
//
// fork_with_threads FORKS: forks while other threads allocate. Each child frees one inherited block, leaks one of its
// own and ends; every third one by _exit. Prints `child PID exit|_exit`.

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "expect.h"

static volatile int stop;

static void* work(void* argument) {
  void* kept[16] = {0};
  for (unsigned i = (unsigned)(size_t)argument; !stop; ++i) {
    free(kept[i % 16]);
    kept[i % 16] = malloc(40 + i % 300);
    if (i % 256 == 0) usleep(100);  // leaves a processor to the forks
  }
  for (int i = 0; i < 16; ++i) free(kept[i]);
  return NULL;
}

static NOINLINE void parent_leaks(void) {
  LEAK(malloc, 4001, malloc(4001));
  LEAK(calloc, 4003, calloc(1, 4003));
  LEAK(malloc, 4007, malloc(4007));
}

static NOINLINE void child_leaks(void) { sink = malloc(5003); }

int main(int argc, char** argv) {
  MUST(argc == 2);
  parent_leaks();
  void* freed_by_children = hidden(malloc(4013));
  pthread_t threads[4];
  for (size_t i = 0; i < 4; ++i) MUST(pthread_create(&threads[i], NULL, work, (void*)i) == 0);
  for (int i = 0; i < atoi(argv[1]); ++i) {
    const pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
      alarm(20);  // a deadlock ends by SIGALRM, and the parent says so
      free(freed_by_children);
      child_leaks();
      for (int n = 0; n < 200; ++n) free(hidden(malloc((size_t)n + 1)));
      if (i % 3 == 0) _exit(0);
      exit(0);
    }
    int status = -1;
    MUST(waitpid(child, &status, 0) == child);
    char text[100];
    if (status != 0)
      snprintf(text, sizeof text, "child %d failed with status %x\n", child, (unsigned)status);
    else
      snprintf(text, sizeof text, "child %d %s\n", child, i % 3 == 0 ? "_exit" : "exit");
    say(text);
  }
  stop = 1;
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  free(freed_by_children);
  return 0;
}
