// SPDX-License-Identifier: BSL-1.0
//
// Blocks of whose sizes the ledger's rows have the lower bits alone, all from one place; two of them are freed, one of
// them twice, and one is resized. A forked child frees one of what it has from its parent, and ends with a block of its
// own.

#include <stdlib.h>

#include "child.h"
#include "expect.h"

static NOINLINE void* get(size_t size) {
  void* block = malloc(size);
  return hidden(block);
}

int main(void) {
  static const size_t kSizes[] = {65535, 65536, 65537, 65536 + 7, 100003, 5000011, 2 * 65536, 70001};
  enum { kCount = sizeof kSizes / sizeof *kSizes };
  static void* blocks[kCount];
  for (int i = 0; i < kCount; ++i) blocks[i] = get(kSizes[i]);
  void* const fence = get(24);  // what is freed stays where it is
  free(blocks[4]);
  free(blocks[4]);
  blocks[6] = realloc(blocks[6], 3 * 65536 + 5);
  blocks[4] = NULL;
  const pid_t child = fork();
  if (child == 0) {
    sink = malloc(1000003);
    free(blocks[7]);
    exit(0);
  }
  say_how_it_ended(child);
  return hidden(fence) == NULL;
}
