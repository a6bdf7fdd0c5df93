// SPDX-License-Identifier: BSL-1.0
//
// Starts children that only exec, in each way there is, from a program with threads.

#define _GNU_SOURCE
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "expect.h"

extern char** environ;
static volatile int stop;

static void* work(void* argument) {
  (void)argument;
  while (!stop) free(hidden(malloc(200)));
  return NULL;
}

static char* const kTrue[] = {"/bin/true", NULL};

static void wait_for(pid_t child) {
  int status;
  MUST(child > 0);
  MUST(waitpid(child, &status, 0) == child);
  MUST(status == 0);
}

static void by_fork(void) {
  const pid_t child = fork();
  if (child == 0) {
    execv(kTrue[0], kTrue);
    _exit(1);
  }
  wait_for(child);
}

static void by_vfork(void) {
  const pid_t child = vfork();
  if (child == 0) {
    execv(kTrue[0], kTrue);
    _exit(1);
  }
  wait_for(child);
}

static void by_vfork_that_fails(void) {
  const pid_t child = vfork();
  if (child == 0) {
    execv("/no/such/program", kTrue);
    _exit(7);
  }
  int status;
  MUST(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
}

static void by_posix_spawn(void) {
  pid_t child;
  MUST(posix_spawn(&child, kTrue[0], NULL, NULL, kTrue, environ) == 0);
  wait_for(child);
}

static void by_popen(void) {
  char text[20] = "";
  FILE* pipe = popen("echo hello", "r");
  MUST(pipe != NULL && fgets(text, sizeof text, pipe) != NULL && strcmp(text, "hello\n") == 0);
  MUST(pclose(pipe) == 0);
}

int main(void) {
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) MUST(pthread_create(&threads[i], NULL, work, NULL) == 0);
  for (int i = 0; i < 20; ++i) {
    by_fork();
    by_vfork();
    by_vfork_that_fails();
    by_posix_spawn();
    by_popen();
    MUST(system("true") == 0);
    free(hidden(malloc(123)));
  }
  stop = 1;
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  LEAK(malloc, 2003, malloc(2003));
  return 0;
}
