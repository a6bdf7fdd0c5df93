// SPDX-License-Identifier: BSL-1.0
//
// `fills_disk BLOCKS`: leaks so many small blocks, goes on until there is a file `write`, and then writes a file of its
// own, of a megabyte, to where the records lie. It ends well if that is whole.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "expect.h"

enum { kBytes = 1 << 20 };

int main(int argc, char** argv) {
  const struct timespec moment = {0, 1000000};
  const long blocks = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
  for (long i = 0; i < blocks; ++i) hidden(malloc(30));
  // Calls go on: what a helper thread has to say is said by one of them.
  while (access("write", F_OK) != 0) {
    free(hidden(malloc(10)));
    nanosleep(&moment, NULL);
  }
  FILE* own = fopen("mem/own", "w");
  MUST(own != NULL);
  for (int i = 0; i < kBytes; ++i) MUST(putc('x', own) == 'x');
  MUST(fclose(own) == 0);
  return 0;
}
