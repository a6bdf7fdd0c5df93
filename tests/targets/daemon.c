// SPDX-License-Identifier: BSL-1.0
//
// daemon daemon|double: leaks, becomes a daemon by daemon(3) or by forking twice, leaks again, frees a block that it
// inherited, and writes its pid into the file `daemon.pid` last of all.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "expect.h"

static NOINLINE void leak_before(void) { LEAK(malloc, 4603, malloc(4603)); }
static NOINLINE void leak_as_daemon(void) { sink = malloc(4621); }

static void fork_twice(void) {
  const pid_t child = fork();
  MUST(child >= 0);
  if (child != 0) _exit(0);
  setsid();
  free(hidden(malloc(10)));  // so that the one in between has records too
  const pid_t grandchild = fork();
  MUST(grandchild >= 0);
  if (grandchild != 0) _exit(0);
  umask(0);
  MUST(chdir("/") == 0);
  for (int i = 0; i < 1024; ++i) close(i);
}

int main(int argc, char** argv) {
  char text[40];
  MUST(argc == 2);
  const int folder = open(".", O_RDONLY | O_DIRECTORY);
  leak_before();
  void* freed_by_daemon = hidden(malloc(4637));
  if (strcmp(argv[1], "daemon") == 0) {
    MUST(daemon(0, 0) == 0);
  } else {
    MUST(dup2(folder, 2000) == 2000);
    fork_twice();
  }
  leak_as_daemon();
  free(freed_by_daemon);
  const int at = strcmp(argv[1], "daemon") == 0 ? folder : 2000;
  const int file = openat(at, "daemon.pid", O_WRONLY | O_CREAT | O_EXCL, 0600);
  MUST(file >= 0);
  const int length = snprintf(text, sizeof text, "%d\n", getpid());
  MUST(write(file, text, (size_t)length) == length);
  return 0;
}
