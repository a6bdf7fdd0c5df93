// SPDX-License-Identifier: BSL-1.0
//
// What the benchmark programs share: clocks, the figures of /proc/self/status, a stack of a chosen depth. C and C++.
//
// Each program prints its result on standard output as lines `name value`, which tools/bench.sh collects.

#pragma once

#include <mcheck.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_NOINLINE __attribute__((noinline, unused))

static inline double clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static BENCH_NOINLINE void die(const char* what) {
  fprintf(stderr, "bench: %s\n", what);
  exit(1);
}

// A line of /proc/self/status in KiB, such as "VmHWM:". -1 if it is not there.
static BENCH_NOINLINE long status_kib(const char* line) {
  FILE* status = fopen("/proc/self/status", "r");
  char text[256];
  long value = -1;
  if (status == NULL) return -1;
  while (fgets(text, sizeof text, status) != NULL) {
    if (strncmp(text, line, strlen(line)) == 0) value = strtol(text + strlen(line), NULL, 10);
  }
  fclose(status);
  return value;
}

static int compare_doubles(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static BENCH_NOINLINE double median(double* values, int count) {
  qsort(values, (size_t)count, sizeof *values, compare_doubles);
  return values[count / 2];
}

// The value of an option `--name N` in argv, or `otherwise`.
static BENCH_NOINLINE long option(int argc, char** argv, const char* name, long otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (strcmp(argv[i], name) == 0) return strtol(argv[i + 1], NULL, 10);
  }
  return otherwise;
}

// With `--mtrace` as the last argument mtrace() is called: glibc's tool is switched on by the program itself.
static BENCH_NOINLINE void maybe_mtrace(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[argc - 1], "--mtrace") == 0) mtrace();
}

// The compiler must believe that the block is looked at: a malloc and a free with nothing in between are deleted.
#define BENCH_KEEP(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")

// Kept as the last statement of a function, so that a call before it is no tail call and the frame stays.
#define BENCH_KEEP_FRAME() __asm__ volatile("" : : : "memory")

// at_depth(frames, work, argument) calls `work` from that many different functions, one in the other. They differ in
// size and in the registers that they save, as functions do; none has a frame pointer unless the compiler gives it one.
enum { kChainMost = 80 };
typedef void (*Work)(void*);
typedef void (*Link)(int, Work, void*);
static Link const* chain_links(void);

#define BENCH_LINK(number)                                                        \
  static BENCH_NOINLINE void link_##number(int left, Work work, void* argument) { \
    volatile char room[16 + (number) % 5 * 24];                                   \
    room[0] = (char)left;                                                         \
    if (left > 1) {                                                               \
      chain_links()[left - 2](left - 1, work, argument);                          \
    } else {                                                                      \
      work(argument);                                                             \
    }                                                                             \
    (void)room[0];                                                                \
    BENCH_KEEP_FRAME();                                                           \
  }
#define BENCH_EIGHT(do, tens) \
  do (tens##0) do(tens##1) do(tens##2) do(tens##3) do(tens##4) do(tens##5) do(tens##6) do(tens##7)
#define BENCH_EIGHTY(do) \
  BENCH_EIGHT(do, 1)     \
  BENCH_EIGHT(do, 2)     \
  BENCH_EIGHT(do, 3)     \
  BENCH_EIGHT(do, 4)     \
  BENCH_EIGHT(do, 5) BENCH_EIGHT(do, 6) BENCH_EIGHT(do, 7) BENCH_EIGHT(do, 8) BENCH_EIGHT(do, 9) BENCH_EIGHT(do, 10)
BENCH_EIGHTY(BENCH_LINK)

#define BENCH_NAME_OF_LINK(number) link_##number,
static BENCH_NOINLINE Link const* chain_links(void) {
  static Link const links[kChainMost] = {BENCH_EIGHTY(BENCH_NAME_OF_LINK)};
  return links;
}

// Inlined, and so no frame of its own. 0 frames: the caller's.
static inline __attribute__((always_inline)) void at_depth(int frames, Work work, void* argument) {
  if (frames < 0 || frames > kChainMost) die("a depth that the chain does not have");
  if (frames == 0) {
    work(argument);
  } else {
    chain_links()[frames - 1](frames, work, argument);
  }
  BENCH_KEEP_FRAME();
}

// with_outer_path(path, work, argument) calls `work` from two functions, one in the other, that are others for each
// `path` of kOuterPaths. They differ in size too: all that lies further in is elsewhere on the stack.
enum { kOuterWays = 16, kOuterPaths = kOuterWays * kOuterWays };
typedef void (*Outer)(int, Work, void*);
static Outer const* outer_functions(void);

#define BENCH_OUTER(number)                                                        \
  static BENCH_NOINLINE void outer_##number(int path, Work work, void* argument) { \
    volatile char room[16 + (number) % 7 * 16];                                    \
    room[0] = (char)path;                                                          \
    if (path >= 0) {                                                               \
      outer_functions()[path](-1, work, argument);                                 \
    } else {                                                                       \
      work(argument);                                                              \
    }                                                                              \
    (void)room[0];                                                                 \
    BENCH_KEEP_FRAME();                                                            \
  }
BENCH_EIGHT(BENCH_OUTER, 1)
BENCH_EIGHT(BENCH_OUTER, 2)

#define BENCH_NAME_OF_OUTER(number) outer_##number,
static BENCH_NOINLINE Outer const* outer_functions(void) {
  static Outer const functions[kOuterWays] = {BENCH_EIGHT(BENCH_NAME_OF_OUTER, 1) BENCH_EIGHT(BENCH_NAME_OF_OUTER, 2)};
  return functions;
}

static inline __attribute__((always_inline)) void with_outer_path(int path, Work work, void* argument) {
  outer_functions()[path % kOuterWays](path / kOuterWays, work, argument);
  BENCH_KEEP_FRAME();
}
