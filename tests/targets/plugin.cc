// SPDX-License-Identifier: BSL-1.0
//
// A library that comes by dlopen, and the C++ library with it; see loads.c. Or preloaded, see preload_test.cc.

#include <cstdlib>

#include "expect.h"

extern "C" {

// Before the constructors of the program, and of a library that was preloaded in front of it.
__attribute__((constructor)) NOINLINE void plugin_begins() {
  if (std::getenv("PLUGIN_LEAKS_AT_ONCE") != nullptr) LEAK(malloc, 1613, malloc(1613));
}

void* plugin_get(size_t size) { return hidden(malloc(size)); }
void plugin_give(void* block) { free(block); }

void* plugin_new(size_t size) {
  sink = new char[size];
  return sink;
}
void plugin_delete(void* block) { delete[] static_cast<char*>(block); }

NOINLINE void plugin_leaks() {
  LEAK_AS("operator new", 1627, new char[1627]);
  LEAK(malloc, 1637, malloc(1637));
}
}
