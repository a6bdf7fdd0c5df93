// SPDX-License-Identifier: BSL-1.0
//
// moved HOW: leaks a block, then changes what the process sees of the world (directory, umask, root, user), leaks
// another, and ends. With another root or user, children allocate there too. `chroot-first` has another root before it
// allocates anything.

#define _GNU_SOURCE
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "expect.h"

static NOINLINE void leak_before(void) { LEAK(malloc, 8001, malloc(8001)); }
static NOINLINE void leak_after(void) { LEAK(malloc, 8009, malloc(8009)); }

int main(int argc, char** argv) {
  MUST(argc == 2);
  if (strcmp(argv[1], "chroot-first") == 0) MUST(mkdir("jail", 0700) == 0 && chroot("jail") == 0 && chdir("/") == 0);
  void* freed_later = hidden(malloc(8011));
  leak_before();
  if (strcmp(argv[1], "chdir") == 0) MUST(mkdir("elsewhere", 0700) == 0 && chdir("elsewhere") == 0);
  if (strcmp(argv[1], "umask-none") == 0) umask(0);
  if (strcmp(argv[1], "umask-all") == 0) umask(0777);
  if (strcmp(argv[1], "chroot") == 0) MUST(mkdir("jail", 0700) == 0 && chroot("jail") == 0 && chdir("/") == 0);
  if (strcmp(argv[1], "setuid") == 0) MUST(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
  leak_after();
  const int forks = strcmp(argv[1], "chroot") == 0 || strcmp(argv[1], "setuid") == 0;
  for (int i = 0; forks && i < 3; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      sink = malloc(8017);
      _exit(0);
    }
    MUST(waitpid(child, NULL, 0) == child);
  }
  const struct timespec time = {0, 300000000};
  nanosleep(&time, NULL);
  free(freed_later);
  return 0;
}
