// SPDX-License-Identifier: BSL-1.0
//
// inherits EVER: EVER blocks are live at once, then ten of them. A child frees one of the ten, keeps one of its own,
// and exits. Prints `faults N`, its minor page faults.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "expect.h"

enum { kKept = 10 };

int main(int argc, char** argv) {
  MUST(argc == 2);
  const size_t ever = (size_t)atol(argv[1]);
  void* kept[kKept];
  void** const others = malloc(ever * sizeof *others);
  for (size_t i = 0; i < ever; ++i) others[i] = malloc(24);
  for (int i = 0; i < kKept; ++i) kept[i] = hidden(malloc(1001));
  for (size_t i = 0; i < ever; ++i) free(others[i]);
  free(others);
  const pid_t child = fork();
  if (child == 0) {
    free(kept[0]);
    sink = malloc(2002);
    exit(0);
  }
  int status = -1;
  struct rusage usage;
  MUST(wait4(child, &status, 0, &usage) == child && status == 0);
  for (int i = 0; i < kKept; ++i) free(kept[i]);
  char text[40];
  snprintf(text, sizeof text, "faults %ld\n", usage.ru_minflt);
  say(text);
  return 0;
}
