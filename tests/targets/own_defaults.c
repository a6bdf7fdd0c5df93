// SPDX-License-Identifier: BSL-1.0
//
// A program that brings its own options, for devices without an environment.

#include <stdlib.h>

#include "expect.h"

const char* leakdir_default_options(void) { return "dir=./own-records:exitcode=9"; }

static NOINLINE void leak_one(void) { LEAK(malloc, 2101, malloc(2101)); }

int main(void) {
  leak_one();
  return 0;
}
