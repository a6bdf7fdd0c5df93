// SPDX-License-Identifier: BSL-1.0
//
// A look-up that fails, before anything else is allocated; then each function of malloc's family for the first time.
// The error is the program's to ask for, whatever was allocated meanwhile.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

#include "expect.h"

static int has_error(void) {
  const char* const text = dlerror();
  return text != NULL && strstr(text, "no_such_name") != NULL;
}
static void fail(void) { MUST(dlsym(RTLD_DEFAULT, "no_such_name") == NULL); }

static NOINLINE void leak_malloc(void) { LEAK(malloc, 1401, malloc(1401)); }

int main(void) {
  void* block = NULL;
  fail();
  leak_malloc();
  MUST(has_error());
  fail();
  free(hidden(calloc(3, 7)));
  MUST(has_error());
  fail();
  free(hidden(realloc(hidden(malloc(5)), 500)));
  MUST(has_error());
  fail();
  free(hidden(aligned_alloc(64, 128)));
  MUST(has_error());
  fail();
  MUST(posix_memalign(&block, 64, 100) == 0);
  MUST(has_error());
  fail();
  MUST(malloc_usable_size(hidden(block)) >= 100);
  MUST(has_error());
  fail();
  free(hidden(block));
  MUST(has_error());
  return 0;
}
