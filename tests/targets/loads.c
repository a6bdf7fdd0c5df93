// SPDX-License-Identifier: BSL-1.0
//
// loads HOW PLUGIN: a C program that loads a library with the C++ library after start.
//   late       as usual: what it leaks is the program's to know
//   deepbind   it calls the malloc that it finds beside itself, past the hooks; its blocks go to and fro
//   namespace  it has a libc of its own

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#include "expect.h"

static void* plugin;

static void* function(const char* name) {
  void* found = dlsym(plugin, name);
  MUST(found != NULL);
  return found;
}

// An address that the program has freed comes back by way of the library, again and again; and what the library frees
// comes back to the program.
static void exchange(void) {
  void* (*get)(size_t) = (void* (*)(size_t))function("plugin_get");
  void (*give)(void*) = (void (*)(void*))function("plugin_give");
  int same = 0;
  for (int i = 0; i < 1000; ++i) {
    void* block = hidden(malloc(72));
    void* const before = block;
    free(block);
    block = get(72);
    same += block == before;
    free(hidden(block));
    block = hidden(malloc(72));
    give(block);
  }
  MUST(same == 1000);
}

int main(int argc, char** argv) {
  MUST(argc == 3);
  const char* how = argv[1];
  if (strcmp(how, "namespace") == 0) {
    plugin = dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW);
  } else {
    plugin = dlopen(argv[2], strcmp(how, "deepbind") == 0 ? RTLD_LAZY | RTLD_DEEPBIND : RTLD_LAZY);
  }
  if (plugin == NULL) {
    say(dlerror());
    return 97;
  }
  if (strcmp(how, "late") == 0) {
    ((void (*)(void))function("plugin_leaks"))();
  } else if (strcmp(how, "deepbind") == 0) {
    exchange();
  }
  void* (*make)(size_t) = (void* (*)(size_t))function("plugin_new");
  void (*destroy)(void*) = (void (*)(void*))function("plugin_delete");
  for (int i = 0; i < 100; ++i) destroy(make(100 + i));
  LEAK(malloc, 1657, malloc(1657));
  return 0;
}
