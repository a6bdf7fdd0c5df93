// SPDX-License-Identifier: BSL-1.0
//
// ends_badly HOW: ways to end in the middle of things, while detached threads go on allocating. Each leaks its blocks
// before; what a handler or destructor leaks on the way is expected too.
//   exit-from-thread   a thread calls exit while main waits for it
//   quick_exit         which runs at_quick_exit handlers, and no others
//   main-leaves        main ends by pthread_exit; the last thread's return ends the process
//   main-leaves-early  the same, and the last thread stays until there is a file `end`
//   raw-exit           by the system call that ends one thread, and there is no other, with status 3
//   exec               becomes `ends_badly exec-again`, from main
//   exec-from-thread   the same from a thread
//   exec-again         leaks, and returns
//   exec-to-sleep      becomes sleep, without leakdir
//   exec-elsewhere     becomes `ends_badly exec-stays` with records in ./other
//   exec-stays         leaks, and returns when there is a file `end`

#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "expect.h"

static const char* how;
static const char* self;

static void* work(void* argument) {
  for (size_t i = 0;; ++i) free(hidden(malloc(16 + i % 300)));
  return argument;
}

static void start_workers(void) {
  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  for (int i = 0; i < 3; ++i) {
    pthread_t thread;
    MUST(pthread_create(&thread, &detached, work, NULL) == 0);
  }
  pthread_attr_destroy(&detached);
}

static NOINLINE void leak_in_main(void) { LEAK(malloc, 4507, malloc(4507)); }
static NOINLINE void leak_in_thread(void) { LEAK(calloc, 4513, calloc(1, 4513)); }
static NOINLINE void leak_in_handler(void) { LEAK(malloc, 4517, malloc(4517)); }
static NOINLINE void leak_after_exec(void) { LEAK(malloc, 4519, malloc(4519)); }

static void wait_for_end(void) {
  for (int i = 0; i < 20000 && access("end", F_OK) != 0; ++i) usleep(1000);
}

static void become(void) {
  execl(self, self, "exec-again", (char*)NULL);
  _exit(1);
}

static void become_sleep(void) {
  unsetenv("LD_PRELOAD");
  execl("/bin/sleep", "sleep", "600", (char*)NULL);
  _exit(1);
}

static void become_elsewhere(void) {
  setenv("LEAKDIR_OPTIONS", "dir=./other", 1);
  execl(self, self, "exec-stays", (char*)NULL);
  _exit(1);
}

static void* end(void* argument) {
  leak_in_thread();
  if (strcmp(how, "exit-from-thread") == 0) exit(0);
  if (strcmp(how, "exec-from-thread") == 0) become();
  usleep(20000);  // main is gone by then
  say("main has left\n");
  if (strcmp(how, "main-leaves-early") == 0) wait_for_end();
  return argument;
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  self = argv[0];
  how = argv[1];
  const int stays = strcmp(how, "exec-stays") == 0;
  if (stays || strcmp(how, "exec-again") == 0) {
    leak_after_exec();
    if (stays) wait_for_end();
    return 0;
  }
  leak_in_main();
  if (strcmp(how, "raw-exit") == 0) syscall(SYS_exit, 3);
  atexit(leak_in_handler);
  at_quick_exit(leak_in_handler);
  const int main_leaves = strncmp(how, "main-leaves", 11) == 0;
  if (!main_leaves) start_workers();
  if (strcmp(how, "quick_exit") == 0) quick_exit(0);
  if (strcmp(how, "exec") == 0) become();
  if (strcmp(how, "exec-to-sleep") == 0) become_sleep();
  if (strcmp(how, "exec-elsewhere") == 0) become_elsewhere();
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, end, NULL) == 0);
  if (main_leaves) pthread_exit(NULL);
  pthread_join(thread, NULL);
  return 1;
}
