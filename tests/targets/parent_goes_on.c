// SPDX-License-Identifier: BSL-1.0
//
// parent_goes_on elsewhere|there: a forked child does nothing until the parent has freed a block of before the fork and
// used its row of the ledger again, for other blocks or for one at the same address with a stack that did not exist
// before. To the child the block is live; in the first case it frees it. Its address had been freed once before.

#include <stdlib.h>

#include "child.h"
#include "expect.h"

enum { kMany = 300, kDeep = 24 };

// From a new stack for each number.
static NOINLINE void* get(unsigned number, unsigned depth) {
  void* block;
  if (depth == 0) {
    block = malloc(1009);
  } else if (number >> depth & 1) {
    block = get(number, depth - 1);
  } else {
    block = get(number, depth - 1);
    __asm__ volatile("");
  }
  return hidden(block);
}

static void use_again_there(void* block) {
  for (unsigned i = 0; i < kMany; ++i) {
    free(block);
    MUST(get(i * 2654435761u, kDeep) == block);
  }
}

static void use_again_elsewhere(void* block) {
  free(block);
  for (int i = 0; i < kMany; ++i) sink = malloc(57);
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  int told[2];
  char word = 0;
  MUST(pipe(told) == 0);
  void* first = hidden(malloc(1009));
  free(first);
  void* block = hidden(malloc(1009));
  MUST(block == first);
  const pid_t child = fork();
  if (child == 0) {
    if (read(told[0], &word, 1) != 1) _exit(1);
    LEAK(malloc, 1013, malloc(1013));
    if (strcmp(argv[1], "there") == 0) exit(0);
    free(block);
    sink = malloc(1009);
    exit(sink == block ? 0 : 2);  // it went to glibc
  }
  strcmp(argv[1], "there") == 0 ? use_again_there(block) : use_again_elsewhere(block);
  MUST(write(told[1], &word, 1) == 1);
  say_how_it_ended(child);
  return 0;
}
