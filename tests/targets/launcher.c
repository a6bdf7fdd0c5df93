// SPDX-License-Identifier: BSL-1.0
//
// launcher held|lost|freed|after|stays: allocates, forks, and leaves by _exit(), as who starts a daemon does. The child
// has a block of its own, and holds what it inherited (`held`), loses one of it (`lost`), or frees one (`freed`) and
// ends by exit(). `after`: the first process makes another block before it leaves. `stays`: the child goes on, for a
// minute.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/wait.h>

#include "expect.h"

static void *volatile first, *volatile second, *volatile own;

int main(int argc, char **argv) {
  MUST(argc == 2);
  const char *what = argv[1];
  first = malloc(4703);
  second = malloc(4721);
  const pid_t child = fork();
  MUST(child >= 0);
  if (child != 0) {
    if (strcmp(what, "after") == 0) sink = malloc(4729);
    if (strcmp(what, "stays") != 0) MUST(waitpid(child, NULL, 0) == child);
    _exit(0);
  }
  own = malloc(4733);
  if (strcmp(what, "lost") == 0) first = NULL;
  if (strcmp(what, "freed") == 0) free(first);
  first = strcmp(what, "freed") == 0 ? NULL : first;
  if (strcmp(what, "stays") == 0) {
    say("stays\n");
    sleep(60);
  }
  return 0;
}
