// SPDX-License-Identifier: BSL-1.0
//
// A C++ program that throws, frees all that is its own, and ends without exit(): nobody is asked then what libc and the
// unwinder keep, who tells is the function that allocated it.

#include "expect.h"

static NOINLINE void raise(int number) {
  if (number != 0) throw number;
}

int main(int argc, char**) {
  try {
    raise(argc);
    MUST(false);
  } catch (int number) {
    MUST(number == argc);
  }
  _exit(0);
}
