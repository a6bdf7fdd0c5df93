// SPDX-License-Identifier: BSL-1.0
//
// Ends with 0 where /proc/self/maps says that this code is code: Linux does, qemu's user mode of Debian 11 (5.2) does
// not.

#include <stdint.h>
#include <stdio.h>

int main(void) {
  char line[4096], execute;
  unsigned long start, end;
  const uintptr_t here = (uintptr_t)&main;
  FILE* const maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    if (sscanf(line, "%lx-%lx %*c%*c%c", &start, &end, &execute) == 3 && here - start < end - start)
      return execute == 'x' ? 0 : 1;
  }
  return 2;
}
