// SPDX-License-Identifier: BSL-1.0
//
// reloads COUNT PLUGIN_A PLUGIN_B [stay]: loads, uses and unloads two libraries in turn, mostly at the same address.
// Each leaks a block of 5401 or 5402 bytes the first three times. The ledger must not grow with COUNT. Prints how it
// grew in the second half: `grew kib=N`. With `stay` the libraries are not unloaded, though they are closed: each still
// has the last block that it gave.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "expect.h"

static long ledger_kib(void) {
  struct stat status;
  MUST(stat("mem/.ledger", &status) == 0);
  return status.st_blocks / 2;
}

int main(int argc, char** argv) {
  MUST(argc == 4 || argc == 5);
  const int flags = argc == 5 ? RTLD_NOW | RTLD_NODELETE : RTLD_NOW;
  const int count = atoi(argv[1]);
  long before = 0;
  for (int i = 0; i < count; ++i) {
    const int which = i % 2;
    void* library = dlopen(argv[2 + which], flags);
    MUST(library != NULL);
    void* (*get)(size_t);
    *(void**)&get = dlsym(library, "plugin_get");
    void* block = hidden(get(5401 + (size_t)which));
    if (i >= 6) free(block);
    MUST(dlclose(library) == 0);
    if (i == count / 2) before = ledger_kib();
  }
  char text[60];
  snprintf(text, sizeof text, "grew kib=%ld\n", ledger_kib() - before);
  say(text);
  return 0;
}
