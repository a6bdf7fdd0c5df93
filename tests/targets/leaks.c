// SPDX-License-Identifier: BSL-1.0
//
// leaks [N] [WAIT_MS] [END] [PACE_MS]: leaks N blocks of 2001, 2002 … bytes from one line, each after PACE_MS, frees as
// many others, waits (WAIT_MS `end`: until a file of that name is there), and ends by `return`, `exit`, `_exit`,
// `abort`, `crash`, `thread` (exit from another thread), `reader` (while another thread reads standard input, which has
// nothing) or `status` (exit status 5).

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "expect.h"

static NOINLINE void leak_sized(size_t size) { LEAK(malloc, size, malloc(size)); }

static void* read_nothing(void* unused) {
  char line[80];
  return fgets(line, sizeof line, stdin) != NULL ? unused : NULL;
}

static void wait_for_ms(long ms) {
  const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static void* exit_from_thread(void* argument) { exit((int)(size_t)argument); }

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 1;
  const long wait_ms = argc > 2 ? atol(argv[2]) : 0;
  const char* end = argc > 3 ? argv[3] : "return";
  const long pace_ms = argc > 4 ? atol(argv[4]) : 0;
  void* short_lived[100];
  for (int i = 0; i < count; ++i) {
    short_lived[i % 100] = hidden(malloc(777));
    leak_sized(2001 + (size_t)i);
    free(short_lived[i % 100]);
    if (pace_ms != 0) wait_for_ms(pace_ms);
  }
  say("leaked\n");
  while (argc > 2 && strcmp(argv[2], "end") == 0 && access("end", F_OK) != 0) wait_for_ms(1);
  wait_for_ms(wait_ms);
  if (strcmp(end, "exit") == 0) exit(0);
  if (strcmp(end, "_exit") == 0) _exit(0);
  if (strcmp(end, "abort") == 0) abort();
  if (strcmp(end, "crash") == 0) raise(SIGSEGV);
  if (strcmp(end, "status") == 0) return 5;
  if (strcmp(end, "reader") == 0) {
    int ends[2];
    pthread_t thread;
    MUST(pipe(ends) == 0 && dup2(ends[0], 0) == 0);
    MUST(pthread_create(&thread, NULL, read_nothing, NULL) == 0);
    wait_for_ms(100);
  }
  if (strcmp(end, "thread") == 0) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, exit_from_thread, NULL) == 0);
    pthread_join(thread, NULL);
  }
  return 0;
}
