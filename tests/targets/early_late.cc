// SPDX-License-Identifier: BSL-1.0
//
// Blocks from before main and from after it: constructors, static objects, thread_local destructors, atexit handlers,
// static destructors, destructor functions. Some are leaked, some freed later than all else. Exceptions in between.

#include <pthread.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "expect.h"

static void* freed_by_destructor;
static void* freed_at_exit;

extern "C" {

__attribute__((constructor(101))) NOINLINE void leak_in_first_constructor() {
  LEAK(malloc, 1401, malloc(1401));
  freed_by_destructor = malloc(1402);
}
__attribute__((constructor)) NOINLINE void leak_in_constructor() { LEAK(calloc, 1409, calloc(1, 1409)); }

NOINLINE void leak_in_static_object() { LEAK_AS("operator new", 1423, new char[1423]); }
NOINLINE void leak_in_static_destructor() { LEAK_AS("operator new", 1427, new char[1427]); }
NOINLINE void leak_in_main() { LEAK(malloc, 1429, malloc(1429)); }
NOINLINE void leak_in_thread() { LEAK(malloc, 1433, malloc(1433)); }
NOINLINE void leak_in_thread_destructor() { LEAK(malloc, 1439, malloc(1439)); }
NOINLINE void leak_in_main_thread_destructor() { LEAK(malloc, 1447, malloc(1447)); }

void leak_at_exit() {
  LEAK(realloc, 1451, realloc(hidden(NULL), 1451));
  free(freed_at_exit);
}

__attribute__((destructor)) NOINLINE void leak_in_destructor() { LEAK(malloc, 1453, malloc(1453)); }
__attribute__((destructor(101))) NOINLINE void leak_in_last_destructor() {
  LEAK(malloc, 1459, malloc(1459));
  free(freed_by_destructor);
}
}

struct Object {
  Object() { leak_in_static_object(); }
  ~Object() { leak_in_static_destructor(); }
} object;

struct PerThread {
  bool of_main = false;
  std::string text = std::string(500, 't');
  ~PerThread() { of_main ? leak_in_main_thread_destructor() : leak_in_thread_destructor(); }
};
static thread_local PerThread per_thread;

static void* work(void*) {
  per_thread.text += "x";
  leak_in_thread();
  return NULL;
}

static void throw_and_catch() {
  try {
    throw std::runtime_error("caught");
  } catch (const std::exception& error) {
    MUST(std::string(error.what()) == "caught");
  }
}

int main() {
  throw_and_catch();
  per_thread.of_main = true;
  freed_at_exit = malloc(1499);
  atexit(leak_at_exit);
  atexit(throw_and_catch);
  leak_in_main();
  pthread_t thread;
  pthread_create(&thread, NULL, work, NULL);
  pthread_join(thread, NULL);
  throw_and_catch();
}
