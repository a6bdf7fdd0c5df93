// SPDX-License-Identifier: BSL-1.0
//
// Two live blocks, of 8101 and 8103 bytes, one well after the other; the first is freed when the file `free` is there,
// the other one at the end, when `end` is there.

#include <stdlib.h>
#include <time.h>

#include "expect.h"

static void wait_for_ms(long ms) {
  const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static void wait_for(const char* file) {
  while (access(file, F_OK) != 0) wait_for_ms(1);
}

int main(void) {
  void* first = hidden(malloc(8101));
  wait_for_ms(300);
  void* second = hidden(malloc(8103));
  say("ready\n");
  wait_for("free");
  free(first);
  say("freed\n");
  wait_for("end");
  free(second);
  return 0;
}
