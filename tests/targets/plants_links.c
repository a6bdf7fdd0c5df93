// SPDX-License-Identifier: BSL-1.0
//
// An enemy in DIR: as soon as a block is there, its record's name becomes a symbolic link to `victim`.

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "expect.h"

int main(void) {
  for (int i = 0; i < 20; ++i) {
    char name[60];
    sink = malloc(1700 + (size_t)i);
    snprintf(name, sizeof name, "mem/%p.mem", sink);
    MUST(symlink("../victim", name) == 0 || errno == EEXIST);
  }
  const struct timespec time = {0, 400000000};
  nanosleep(&time, NULL);
  return 0;
}
