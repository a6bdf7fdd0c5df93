// SPDX-License-Identifier: BSL-1.0
//
// 12 000 live blocks of one stack, and then 20 of 20 other ones, whose addresses it says. Waits for the file `end`.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "expect.h"

enum { kBlocks = 12000, kOthers = 20 };

static void* blocks[kBlocks + kOthers];

static __attribute__((noinline)) void allocate_many(void) {
  for (int i = 0; i < kBlocks; ++i) blocks[i] = hidden(malloc(40));
}

static __attribute__((noinline)) void* allocate_below(int frames) {
  void* block = frames == 0 ? malloc(8200) : allocate_below(frames - 1);
  return hidden(block);
}

int main(void) {
  allocate_many();
  for (int i = 0; i < kOthers; ++i) {
    blocks[kBlocks + i] = allocate_below(i);
    char line[40];
    snprintf(line, sizeof line, "%p\n", blocks[kBlocks + i]);
    say(line);
  }
  say("ready\n");
  while (access("end", F_OK) != 0) nanosleep(&(struct timespec){0, 1000000}, NULL);
  return 0;
}
