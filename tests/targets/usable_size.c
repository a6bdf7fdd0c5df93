// SPDX-License-Identifier: BSL-1.0
//
// Pointers behind the end of a block that was asked for: those that the program keeps where malloc_usable_size lets it
// write (`asks`), or those that an earlier block has left there. Then it waits, or ends (`exit`).

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

#include "expect.h"

enum {
  kUsable = sizeof(void*) == 8 ? 40 : 44,  // with its header, a chunk of 48 bytes
  kAsked = kUsable - sizeof(void*)
};

static void** volatile holder;
static char* volatile behind_the_end;

static void tell(const char* kind, size_t size) {
  char text[80];
  snprintf(text, sizeof text, "expect kind=%s size=%zu\n", kind, size);
  say(text);
}

static NOINLINE void keep(int asks) {
  void** const earlier = hidden(malloc(kUsable));
  const uintptr_t there = (uintptr_t)earlier;
  const size_t last = kUsable / sizeof(void*) - 1;
  earlier[last] = hidden(calloc(1, 1001));
  free(hidden(earlier));
  holder = malloc(kAsked);
  memset(holder, 0, kAsked);
  MUST((uintptr_t)holder == there);
  if (asks) {
    MUST(malloc_usable_size(holder) == kUsable);
    free(hidden(holder[last]));
    holder[last] = hidden(calloc(1, 1001));
  }
  behind_the_end = (char*)hidden(calloc(1, kAsked - 2)) + kAsked;
  tell("reachable", kAsked);
  tell(asks ? "reachable" : "definite", 1001);
  tell(asks ? "possible" : "definite", kAsked - 2);
}

static NOINLINE void keep_far_down(int asks) {
  char deep[2048];
  hidden(deep);
  keep(asks);
  hidden(deep);
}

static NOINLINE void wipe(void) {
  char stack[16384];
  memset(hidden(stack), 0, sizeof stack);
  hidden(stack);
}

int main(int count, char** arguments) {
  int asks = 0, ends = 0;
  for (int i = 1; i < count; ++i) {
    if (strcmp(arguments[i], "asks") == 0) asks = 1;
    if (strcmp(arguments[i], "exit") == 0) ends = 1;
  }
  keep_far_down(asks);
  wipe();
  if (ends) exit(0);
  say("ready\n");
  for (;;) pause();
}
