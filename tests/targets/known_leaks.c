// SPDX-License-Identifier: BSL-1.0
//
// known_leaks [WAIT_MS] [END] [MORE]: leaks that a project may know: two blocks of `leak_known`, one of `leak_inner`
// inlined into `leak_outer`, one that libc made for `leak_name`, and one of `leak_of_the_program`, which the program
// itself tells LeakSanitizer to pass over. With MORE: as many more of `leak_known`. Ends by `return` or `abort`; with
// `many` it leaks 200000 blocks of one byte instead.

#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

#include "expect.h"

const char* __lsan_default_suppressions(void);
const char* __lsan_default_suppressions(void) { return "leak:^leak_of_the_program$\nnonsense\n"; }

static NOINLINE void leak_known(void) { LEAK(malloc, 4001, malloc(4001)); }
static inline __attribute__((always_inline)) void leak_inner(void) { LEAK(calloc, 4003, calloc(1, 4003)); }
static NOINLINE void leak_outer(void) { leak_inner(); }
static NOINLINE void leak_name(void) { LEAK_AS("libc strndup", 2, strndup("abc", 1)); }
static NOINLINE void leak_of_the_program(void) { LEAK(malloc, 4007, malloc(4007)); }

int main(int argc, char** argv) {
  const long wait_ms = argc > 1 ? atol(argv[1]) : 0;
  const int more = argc > 3 ? atoi(argv[3]) : 0;
  if (argc > 2 && strcmp(argv[2], "many") == 0) {
    for (int i = 0; i < 200000; ++i) sink = malloc(1);
    return 0;
  }
  for (int i = 0; i < 2 + more; ++i) leak_known();
  leak_outer();
  leak_name();
  leak_of_the_program();
  say("leaked\n");
  const struct timespec time = {wait_ms / 1000, wait_ms % 1000 * 1000000};
  nanosleep(&time, NULL);
  if (argc > 2 && strcmp(argv[2], "abort") == 0) abort();
  return 0;
}
