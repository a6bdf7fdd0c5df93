// SPDX-License-Identifier: BSL-1.0
//
// clock_jumps SECONDS: leaks a block, then the clock on the wall jumps (as the program and leakdir read it), leaks
// another, and waits until the second has its record file.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "expect.h"

static volatile long jump;

int clock_gettime(clockid_t clock, struct timespec* time) {
  const long result = syscall(SYS_clock_gettime, clock, time);
  if (clock == CLOCK_REALTIME) time->tv_sec += jump;
  return (int)result;
}

static NOINLINE void leak_before(void) { LEAK(malloc, 8101, malloc(8101)); }
static NOINLINE void leak_after(void) { LEAK(malloc, 8103, malloc(8103)); }

int main(int argc, char** argv) {
  MUST(argc == 2);
  leak_before();
  jump = atol(argv[1]);
  leak_after();
  char name[60];
  snprintf(name, sizeof name, "mem/%p.mem", sink);
  const struct timespec moment = {0, 1000000};
  int moments = 0;
  while (access(name, F_OK) != 0 && ++moments < 20000) syscall(SYS_nanosleep, &moment, NULL);
  MUST(moments < 20000);
  return 0;
}
