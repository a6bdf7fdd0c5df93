// SPDX-License-Identifier: BSL-1.0
//
// What an ended thread held by a thread-local variable of a library alone is lost, though libc keeps these variables
// with its stack: the thread was joined (`joined`), or nobody waits for it (`left`). What the first thread holds so is
// held, though the library may be closed then (`closed`): libc keeps its variables, as Valgrind sees it. The first
// argument is the library. Then it waits, or exits (third argument).

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "expect.h"

static void (*keep)(void*);
static atomic_int thread_id;

static NOINLINE void hold(size_t size) { keep(hidden(calloc(1, size))); }

static NOINLINE void wipe(void) {
  char stack[16384];
  memset(hidden(stack), 0, sizeof stack);
  hidden(stack);
}

static void* ends(void* unused) {
  hold(2003);
  atomic_store(&thread_id, (int)syscall(SYS_gettid));
  return unused;
}

int main(int argc, char** argv) {
  MUST(argc > 2);
  void* const library = dlopen(argv[1], RTLD_NOW);
  MUST(library != NULL);
  *(void**)&keep = dlsym(library, "keep_in_library");
  MUST(keep != NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, ends, NULL);
  if (strstr(argv[2], "left") != NULL) {
    while (atomic_load(&thread_id) == 0) usleep(1000);
    while (syscall(SYS_tgkill, getpid(), atomic_load(&thread_id), 0) == 0) usleep(1000);
  } else {
    pthread_join(thread, NULL);
  }
  hold(2001);
  wipe();
  if (strstr(argv[2], "closed") != NULL) dlclose(library);
  say("expect kind=reachable size=2001\n");
  say("expect kind=definite size=2003\n");
  say("ready\n");
  while (argc == 3) pause();
}
