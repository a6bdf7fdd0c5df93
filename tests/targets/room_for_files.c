// SPDX-License-Identifier: BSL-1.0
//
// Two live blocks, of 8101 and 8103 bytes, one well after the other; the first is freed a while later.

#include <stdlib.h>
#include <time.h>

#include "expect.h"

static void wait_for_ms(long ms) {
  const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

int main(void) {
  void* first = hidden(malloc(8101));
  wait_for_ms(300);
  void* second = hidden(malloc(8103));
  say("ready\n");
  wait_for_ms(1000);
  free(first);
  say("freed\n");
  wait_for_ms(2000);
  free(second);
  return 0;
}
