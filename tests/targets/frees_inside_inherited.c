// SPDX-License-Identifier: BSL-1.0
//
// Forked children, each of which frees a pointer into the middle of a block of its parent's, 16 bytes behind its start.

#include <stdlib.h>
#include <sys/wait.h>

#include "expect.h"

int main(void) {
  for (int i = 0; i < 4; ++i) {
    // Of chunks of 48 and 64 bytes some begin where a cell of the index does, and some in its middle.
    char* const block = hidden(calloc(1, i % 2 == 0 ? 40 : 56));
    const pid_t child = fork();
    if (child == 0) {
      sink = malloc(1009);
      free(hidden(block + 16));
      exit(0);
    }
    int status = -1;
    MUST(waitpid(child, &status, 0) == child);
    char text[80];
    snprintf(text, sizeof text, "child pid=%d status=%d of=%s\n", child, status,
             (size_t)block % 32 == 0 ? "cell" : "middle");
    say(text);
  }
  return 0;
}
