// SPDX-License-Identifier: BSL-1.0
//
// loader_busy locked|free [LIBRARY_A LIBRARY_B]: forks while another thread is inside dl_iterate_phdr (locked) or only
// there (free). The child keeps a block of 5003 bytes, and two of 5401 and 5402 of each library, which it loads and
// unloads in turn, mostly at the same address. Prints `child status=STATUS pid=PID`; a child that hangs is killed.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "expect.h"

static int is_inside[2], may_leave[2];
static bool is_locked;

static int wait_there(struct dl_phdr_info* info, size_t size, void* context) {
  (void)info, (void)size, (void)context;
  char byte = 0;
  MUST(write(is_inside[1], &byte, 1) == 1);
  MUST(read(may_leave[0], &byte, 1) == 1);
  return 1;
}

static void* wait_in_thread(void* unused) {
  if (is_locked) {
    dl_iterate_phdr(wait_there, NULL);
  } else {
    wait_there(NULL, 0, NULL);
  }
  return unused;
}

#ifdef __PIE__
static void use(const char* path, size_t size) {
  void* library = dlopen(path, RTLD_NOW);
  MUST(library != NULL);
  void* (*get)(size_t);
  *(void**)&get = dlsym(library, "plugin_get");
  hidden(get(size));
  MUST(dlclose(library) == 0);
}
#else  // a static program that calls dlopen is warned of when it is linked
static void use(const char* path, size_t size) { (void)path, (void)size; }
#endif

static int in_child(int count, char** libraries) {
  alarm(20);
  LEAK(malloc, 5003, malloc(5003));
  for (int i = 0; i < 2 * count; ++i) use(libraries[i % count], 5401 + (size_t)(i % count));
  return 0;
}

int main(int argc, char** argv) {
  MUST(argc >= 2);
  is_locked = strcmp(argv[1], "locked") == 0;
  MUST(pipe(is_inside) == 0 && pipe(may_leave) == 0);
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, wait_in_thread, NULL) == 0);
  char byte;
  MUST(read(is_inside[0], &byte, 1) == 1);
  const pid_t child = fork();
  MUST(child >= 0);
  if (child == 0) return in_child(argc - 2, argv + 2);
  int status;
  MUST(waitpid(child, &status, 0) == child);
  MUST(write(may_leave[1], &byte, 1) == 1);
  MUST(pthread_join(thread, NULL) == 0);
  char text[80];
  snprintf(text, sizeof text, "child status=%d pid=%d\n", status, (int)child);
  say(text);
  return 0;
}
