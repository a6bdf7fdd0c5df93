// SPDX-License-Identifier: BSL-1.0
//
// What each real program can do: `PROGRAM clean` uses its library and gives everything back, `PROGRAM keep` leaves by
// exit() in the middle of its work, with all of it live, `PROGRAM wait` waits for input there, and `PROGRAM leak` is
// clean but for one forgotten object, whose place it prints as `leak function=leak_statement line=42`.

#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static int wants(int argc, char** argv, const char* mode) { return argc > 1 && strcmp(argv[1], mode) == 0; }

// What earlier calls left on the stack lies in the gaps of later calls' frames, and is held there (in a static program
// upon glibc 2.41, below read).
static NOINLINE void clear_stack_below(void) {
  volatile char room[8192];
  for (unsigned i = 0; i < sizeof room; ++i) room[i] = 0;
}

// In the middle of its work.
static inline void may_end_here(int argc, char** argv) {
  char byte;
  if (wants(argc, argv, "wait")) {
    clear_stack_below();
    _exit(read(0, &byte, 1) < 0);
  }
  if (wants(argc, argv, "keep")) exit(0);
}

static void must(int good, const char* what) {
  if (good) return;
  fprintf(stderr, "must: %s\n", what);
  _exit(98);
}
#define MUST(condition) must(condition, #condition)

// Prints the place of the call that it wraps. The barrier keeps the call from being the function's last instruction.
#define LEAK_HERE(statement)                                  \
  do {                                                        \
    statement;                                                \
    __asm__ volatile("" : : : "memory");                      \
    printf("leak function=%s line=%d\n", __func__, __LINE__); \
  } while (0)
