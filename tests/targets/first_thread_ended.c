// SPDX-License-Identifier: BSL-1.0
//
// The first thread ends by pthread_exit, and the process goes on without it: /proc has no memory of it any more. Then
// it waits, or ends (`exit`).

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "expect.h"

static void* volatile kept;
static int ends;

static NOINLINE void lose(void) { hidden(calloc(1, 1003)); }

static void* goes_on(void* unused) {
  kept = calloc(1, 1001);
  say("expect kind=reachable size=1001\n");
  void* volatile on_its_stack = calloc(1, 1005);
  say("expect kind=reachable size=1005\n");
  lose();
  say("expect kind=definite size=1003\n");
  char state[4096] = "";
  do {  // until the first thread is gone
    usleep(1000);
    FILE* const status = fopen("/proc/self/status", "r");
    const size_t got = fread(state, 1, sizeof state - 1, status);
    state[got] = 0;
    fclose(status);
  } while (strstr(state, "State:\tZ") == NULL);
  if (ends) exit(on_its_stack == NULL);
  say("ready\n");
  for (;;) pause();
  hidden(on_its_stack);
  return unused;
}

int main(int count, char** arguments) {
  ends = count > 1 && strcmp(arguments[1], "exit") == 0;
  pthread_t thread;
  pthread_create(&thread, NULL, goes_on, NULL);
  pthread_detach(thread);
  pthread_exit(NULL);
}
