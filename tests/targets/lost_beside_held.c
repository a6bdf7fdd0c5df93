// SPDX-License-Identifier: BSL-1.0
//
// `lost_beside_held HELD`: lost blocks, made before and after many that are held: 8 by one caller; HELD that are held,
// all by one caller but the fourth; then, when what may have a file has it, one lost block by each of two more, one of
// which leads to a third. Each caller's have sizes of their own, told by `expect kind=definite size=1001`.

#include <stdlib.h>

#include "expect.h"

// As leakdir/leakdir.h has it: weak, as it does nothing without leakdir.
extern void leakdir_flush(void) __attribute__((weak));

enum { kMostHeld = 20000 };
static void* volatile held[kMostHeld];

static void* make(const char* kind, size_t size) {
  char text[80];
  snprintf(text, sizeof text, "expect kind=%s size=%zu\n", kind, size);
  say(text);
  return hidden(calloc(1, size));
}

static NOINLINE void hold_one_of_many(size_t i) { held[i] = make("reachable", 2000 + i % 1000); }
static NOINLINE void hold_one(size_t i) { held[i] = make("reachable", 3000); }

static NOINLINE void hold_all(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (i == 3) {
      hold_one(i);
    } else {
      hold_one_of_many(i);
    }
  }
}

static NOINLINE void lose_many(void) {
  for (size_t i = 0; i < 8; ++i) make("definite", 1000 + i);
}

static NOINLINE void lose_one(void) {
  make("definite", 4000);
  hidden(NULL);
}

static NOINLINE void* make_indirect(void) { return make("indirect", 6000); }

static NOINLINE void lose_two(void) {
  void* const inner = make_indirect();
  void** const outer = make("definite", 5000);
  outer[1] = inner;
  hidden(NULL);
}

static NOINLINE void make_all(size_t count) {
  char deep[2048];
  hidden(deep);
  lose_many();
  hold_all(count);
  if (leakdir_flush != NULL) leakdir_flush();
  lose_two();
  lose_one();
  hidden(deep);
}

static NOINLINE void wipe(void) {
  char stack[16384];
  memset(hidden(stack), 0, sizeof stack);
  hidden(stack);
}

int main(int argc, char** argv) {
  const size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  MUST(count <= kMostHeld);
  make_all(count);
  wipe();
  return 0;
}
