// SPDX-License-Identifier: BSL-1.0
//
// A library that reloads.c loads and unloads. Built twice under two names, with all code at the same offsets.

#include <stdlib.h>

static void* volatile got;

void* plugin_get(size_t size) {
  got = malloc(size);
  return got;
}
