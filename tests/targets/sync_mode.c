// SPDX-License-Identifier: BSL-1.0
//
// In sync mode a record is there before malloc returns and gone before free returns: the program itself looks.

#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "expect.h"

static NOINLINE int has_record(uintptr_t address) {
  char name[60];
  snprintf(name, sizeof name, "mem/0x%lx.mem", (unsigned long)address);
  return access(name, F_OK) == 0;
}

static void frees_record(void* block) {
  const uintptr_t address = (uintptr_t)block;
  MUST(has_record(address));
  free(block);
  MUST(!has_record(address));
}

int main(void) {
  for (int i = 0; i < 50; ++i) {
    frees_record(hidden(malloc(100)));
    frees_record(hidden(calloc(2, 50)));
    frees_record(hidden(memalign(64, 100)));
    frees_record(hidden(aligned_alloc(64, 128)));
    frees_record(hidden(valloc(100)));
    frees_record(hidden(realloc(hidden(NULL), 100)));
    void* before = hidden(malloc(100));
    const uintptr_t address_before = (uintptr_t)before;
    void* after = realloc(before, 100000);
    MUST(has_record((uintptr_t)after));
    MUST((uintptr_t)after == address_before || !has_record(address_before));
    frees_record(after);
  }
  LEAK(malloc, 2201, malloc(2201));
  MUST(has_record((uintptr_t)sink));
  return 0;
}
