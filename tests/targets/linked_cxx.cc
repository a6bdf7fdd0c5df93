// SPDX-License-Identifier: BSL-1.0
//
// What the link matrix links of C++: operator new leaked, exceptions thrown and caught, streams and strings used.

#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "expect.h"

extern "C" NOINLINE void leak_new() { LEAK_AS("operator new", 1621, new char[1621]); }

static NOINLINE void throw_one(const std::string& text) { throw std::runtime_error(text + text); }

// With a thread-local of its own the program has, with leakdir and without, one module of these, and libc's table for
// each thread has one size.
static thread_local volatile int per_thread = 1;

int main() {
  per_thread = per_thread + 1;
  leak_new();
  try {
    throw_one(std::string(100, 'x'));
  } catch (const std::exception& error) {
    MUST(std::string(error.what()).size() == 200);
  }
  std::ostringstream text;
  text << 1.5 << " and " << 42;
  MUST(text.str() == "1.5 and 42");
  std::thread([] { free(hidden(malloc(10))); }).join();
  std::cout << "" << std::flush;
}
