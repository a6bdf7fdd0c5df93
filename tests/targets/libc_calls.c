// SPDX-License-Identifier: BSL-1.0
//
// libc_calls.c HOW NAME…: runs uses of libc by name (libc_calls.h; none: all of them), each of which gives back all
// that the program was given, and ends as HOW says: return, threads (with one that still runs), _exit, abort, killed,
// runs (says so and waits for input to end). `libc_calls list` names them.

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "libc_calls_io.h"
#include "libc_calls_names.h"
#include "libc_calls_process.h"
#include "libc_calls_text.h"
#include "libc_calls_threads.h"
#include "libc_calls_wide.h"

extern struct call __start_libc_calls[], __stop_libc_calls[];

static void run(const char* name) {
  for (const struct call* call = __start_libc_calls; call != __stop_libc_calls; ++call) {
    if (strcmp(call->name, name) == 0) return call->run();
  }
  MUST(!"a call of that name");
}

static void* stay(void* argument) {
  for (;;) pause();
  return argument;
}

static int end(const char* how) {
  if (strcmp(how, "threads") == 0) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, stay, NULL) == 0);
  } else if (strcmp(how, "_exit") == 0) {
    _exit(0);
  } else if (strcmp(how, "abort") == 0) {
    abort();
  } else if (strcmp(how, "killed") == 0) {
    raise(SIGKILL);
  } else if (strcmp(how, "runs") == 0) {
    say("ready\n");
    for (;;) pause();
  }
  return 0;
}

int main(int count, char** arguments) {
  MUST(count >= 2);
  if (strcmp(arguments[1], "list") == 0) {
    for (const struct call* call = __start_libc_calls; call != __stop_libc_calls; ++call) {
      say(call->name);
      say("\n");
    }
    return 0;
  }
  for (int i = 2; i < count; ++i) run(arguments[i]);
  return end(arguments[1]);
}
