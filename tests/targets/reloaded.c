// SPDX-License-Identifier: BSL-1.0
//
// A library that reloads.c loads and unloads. Built twice under two names, with all code at the same offsets, and
// once of the same layout with its code elsewhere.

#include <stdlib.h>

static void* volatile got;

#ifdef CODE_ELSEWHERE
void* plugin_before(size_t size) {
  got = malloc(size + 1);
  return got;
}
#endif

void* plugin_get(size_t size) {
  got = malloc(size);
  return got;
}
