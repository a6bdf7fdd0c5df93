// SPDX-License-Identifier: BSL-1.0
//
// A program with a malloc of its own, which never gives anything back.

#include <stdint.h>
#include <stdlib.h>

#include "expect.h"

static _Alignas(16) char area[1 << 20];
static size_t used;

void* malloc(size_t size) {
  void* const block = area + used;
  used += (size + 15) & ~(size_t)15;
  return used <= sizeof area ? block : NULL;
}
void free(void* block) { (void)block; }
void* calloc(size_t count, size_t size) { return malloc(count * size); }
void* realloc(void* block, size_t size) {
  void* const moved = malloc(size);
  return block == NULL || moved == NULL ? moved : memcpy(moved, block, size);
}

int main(void) {
  char* block = hidden(malloc(100));
  MUST(block == area + used - 112);
  say("its own\n");
  return 0;
}
