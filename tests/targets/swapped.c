// SPDX-License-Identifier: BSL-1.0
//
// swapped ELSEWHERE: an enemy who may write above DIR, played by the program itself. When a block has its record in
// ./mem, that directory goes, a link to ELSEWHERE comes instead, and a file with the record's name lies there; then the
// block is freed.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#include "expect.h"

int main(int argc, char** argv) {
  MUST(argc == 2);
  void* block = hidden(malloc(8209));
  const struct timespec time = {0, 150000000};
  nanosleep(&time, NULL);
  char path[600];
  snprintf(path, sizeof path, "%s/%p.mem", argv[1], block);
  const int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  MUST(file >= 0 && write(file, "untouched", 9) == 9 && close(file) == 0);
  MUST(rename("mem", "moved") == 0 && symlink(argv[1], "mem") == 0);
  free(block);
  printf("planted name=%s\n", strrchr(path, '/') + 1);
  fflush(stdout);
  nanosleep(&time, NULL);
  return 0;
}
