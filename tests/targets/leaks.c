// SPDX-License-Identifier: BSL-1.0
//
// leaks [N] [WAIT_MS] [END]: leaks N blocks of 2001, 2002 … bytes from one line, frees as many others, waits, and ends
// by `return`, `exit`, `_exit`, `abort`, `crash`, `thread` (exit from another thread) or `status` (exit status 5).

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "expect.h"

static NOINLINE void leak_sized(size_t size) { LEAK(malloc, size, malloc(size)); }

static void* exit_from_thread(void* argument) { exit((int)(size_t)argument); }

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 1;
  const long wait_ms = argc > 2 ? atol(argv[2]) : 0;
  const char* end = argc > 3 ? argv[3] : "return";
  void* short_lived[100];
  for (int i = 0; i < count; ++i) {
    short_lived[i % 100] = hidden(malloc(777));
    leak_sized(2001 + (size_t)i);
    free(short_lived[i % 100]);
  }
  say("leaked\n");
  const struct timespec time = {wait_ms / 1000, wait_ms % 1000 * 1000000};
  nanosleep(&time, NULL);
  if (strcmp(end, "exit") == 0) exit(0);
  if (strcmp(end, "_exit") == 0) _exit(0);
  if (strcmp(end, "abort") == 0) abort();
  if (strcmp(end, "crash") == 0) raise(SIGSEGV);
  if (strcmp(end, "status") == 0) return 5;
  if (strcmp(end, "thread") == 0) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, exit_from_thread, NULL) == 0);
    pthread_join(thread, NULL);
  }
  return 0;
}
