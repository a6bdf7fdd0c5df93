// SPDX-License-Identifier: BSL-1.0
//
// Blocks of 1 to 16 bytes, which allocators other than glibc's put closer together than 32 bytes. Every third is kept.

#include <stdlib.h>

#include "expect.h"

enum { kBlocks = 6000 };

int main(void) {
  static void* blocks[kBlocks];
  for (size_t i = 0; i < kBlocks; ++i) blocks[i] = hidden(malloc(1 + i % 16));
  int kept = 0;
  for (size_t i = 0; i < kBlocks; ++i) {
    if (i % 3 == 0) {
      ++kept;
    } else {
      free(blocks[i]);
    }
  }
  char text[40];
  snprintf(text, sizeof text, "kept blocks=%d\n", kept);
  say(text);
  return 0;
}
