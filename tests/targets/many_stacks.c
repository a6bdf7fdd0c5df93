// SPDX-License-Identifier: BSL-1.0
//
// many_stacks [WAIT]: 400 stacks, of which one leaks. 399 caches are filled at once, and each keeps more than the leak
// loses all through the run: of each visitor, a name. It runs for kRun, or longer, until no pause between two visitors
// was longer than a sixteenth of it, however busy the machine is. With WAIT it says then that it has leaked, and goes
// on until it is killed.

#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

#include "expect.h"

static const double kRun = 2.4;  // seconds

static double now(void) {
  struct timespec time;
  MUST(clock_gettime(CLOCK_MONOTONIC, &time) == 0);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void* volatile kept[4 * 400];
static int used;

static NOINLINE void* xmalloc(size_t size) {
  void* const block = malloc(size);
  MUST(block != NULL);
  return block;
}

#define TWENTY(X) X(a) X(b) X(c) X(d) X(e) X(f) X(g) X(h) X(i) X(j) X(k) X(l) X(m) X(n) X(o) X(p) X(q) X(r) X(s) X(t)
#define CACHE(x)                                       \
  static NOINLINE void fill_cache_##x(unsigned page) { \
    kept[used++] = xmalloc(40000 + 64 * page);         \
    __asm__("");                                       \
  }
#define PAGE(x)                                        \
  static NOINLINE void show_page_##x(unsigned cache) { \
    caches[cache](cache);                              \
    __asm__("");                                       \
  }
#define CACHE_NAME(x) fill_cache_##x,
#define PAGE_NAME(x) show_page_##x,
TWENTY(CACHE)
static void (*const volatile caches[])(unsigned) = {TWENTY(CACHE_NAME)};
TWENTY(PAGE)
static void (*const volatile pages[])(unsigned) = {TWENTY(PAGE_NAME)};

static NOINLINE char* name_of_visitor(int visit) {
  char* const name = xmalloc(37);  // the leak
  snprintf(name, 37, "visitor %d", visit);
  return name;
}

static NOINLINE void greet(int visit) {
  const char* const name = name_of_visitor(visit);
  MUST(name[0] == 'v');
  __asm__("");
}

static NOINLINE void fill_caches(void) {
  for (int round = 0; round < 4; ++round)
    for (unsigned page = 0; page < 20; ++page)
      for (unsigned cache = 0; cache < 20; ++cache)
        if (20 * page + cache != 399) pages[page](cache);
}

// So that nothing of a name is left on the stack.
static NOINLINE void forget(void) {
  volatile char below[4096] = {0};
  (void)below[0];
}

int main(int argc, char** argv) {
  (void)argv;
  const double start = now();
  fill_caches();
  double last = start, longest = 0, run = 0;
  const struct timespec moment = {0, 3000000};
  for (int visit = 0; run < kRun || longest > run / 16; ++visit) {
    greet(visit);
    const double time = now();
    if (time - last > longest) longest = time - last;
    last = time;
    run = time - start;
    nanosleep(&moment, NULL);
  }
  if (argc > 1) say("leaked\n");
  for (int visit = 0; argc > 1; ++visit, nanosleep(&moment, NULL)) greet(visit);
  forget();
  return 0;
}
