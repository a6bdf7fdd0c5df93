// SPDX-License-Identifier: BSL-1.0
//
// A child that cannot have a directory of its own, as DIR has become a file, and a child of that child. Both allocate.
// Prints `child STATUS` as wait() gives it.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "expect.h"

static int work(void) {
  for (size_t size = 1; size < 500; ++size) {
    void* block = hidden(malloc(size));
    if (block == NULL) return 1;
    free(block);
  }
  return 0;
}

static int status_of(pid_t child) {
  int status = -1;
  MUST(waitpid(child, &status, 0) == child);
  return status;
}

int main(void) {
  MUST(work() == 0);
  MUST(rename("mem", "moved") == 0);
  MUST(open("mem", O_WRONLY | O_CREAT, 0600) >= 0);
  const pid_t child = fork();
  if (child == 0) {
    if (work() != 0) _exit(2);
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(work());
    _exit(status_of(grandchild) == 0 ? 0 : 3);
  }
  char text[40];
  snprintf(text, sizeof text, "child %d\n", status_of(child));
  say(text);
  return 0;
}
