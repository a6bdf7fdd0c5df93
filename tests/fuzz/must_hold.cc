// SPDX-License-Identifier: BSL-1.0
#include <cstdio>
#include <cstdlib>

#include "fuzz.hh"

bool fuzz_was_taken = false;

void must_hold(bool holds, const char* condition, const char* file, int line) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
  std::abort();
}
