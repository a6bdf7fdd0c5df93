// SPDX-License-Identifier: BSL-1.0
//
// For other processors than ours: a stack of known depth, through a pointer to a function and in a second thread; a
// record that realloc replaces; blocks that come and go. `killed`: ends by SIGKILL. `pairs` N: no more than so many
// blocks that come and go, from 30 frames further in. `signal`: a handler allocates, which came where no call is.
// `cancel`: a thread that waits is cancelled, the first whose stack libgcc unwinds.

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "expect.h"

static void* (*volatile allocate)(size_t) = malloc;

static NOINLINE void innermost(void) { LEAK_AS("malloc", 1409, allocate(1409)); }
static NOINLINE void middle(void) {
  innermost();
  say("");
}
static NOINLINE void outermost(void) {
  middle();
  say("");
}

static NOINLINE void grow(void) {
  void* small = hidden(malloc(33));
  LEAK(realloc, 150011, realloc(small, 150011));
}

static NOINLINE void come_and_go(void) {
  for (size_t i = 0; i < 20000; ++i) free(hidden(malloc(i % 700)));
}

static void* in_thread(void* argument) {
  LEAK(calloc, 1423, calloc(1, 1423));
  come_and_go();
  return argument;
}

static NOINLINE void pairs(int count, int depth) {
  if (depth != 0) {
    pairs(count, depth - 1);
  } else {
    for (int i = 0; i < count; ++i) free(hidden(malloc(24)));
  }
  say("");
}

static NOINLINE void allocate_in_handler(void) { LEAK(malloc, 1427, malloc(1427)); }
static void handler(int signal) {
  MUST(signal == SIGUSR1);
  allocate_in_handler();
  say("");
}

// On 32-bit ARM within a function whose table says that r7 leads to its frame, while r7 has another number.
#if defined(__arm__)
int kill_myself(int pid, int signal);
__asm__(
    ".syntax unified\n"
    ".arm\n"
    ".type kill_myself, %function\n"
    "kill_myself:\n"
    "  .fnstart\n"
    "  push {r7, lr}\n"
    "  .save {r7, lr}\n"
    "  .setfp r7, sp\n"
    "  mov r7, #37\n"  // SYS_kill
    "  svc #0\n"
    "  pop {r7, pc}\n"
    "  .fnend\n");
#else
static int kill_myself(int pid, int signal) { return kill(pid, signal); }
#endif

static void allocate_where_a_signal_came(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  MUST(sigaction(SIGUSR1, &action, NULL) == 0);
  MUST(kill_myself(getpid(), SIGUSR1) == 0);
}

static void clean_up(void* block) {
  free(block);
  LEAK(malloc, 1429, malloc(1429));
}

static void* wait_for_ever(void* argument) {
  pthread_cleanup_push(clean_up, hidden(malloc(90)));
  for (;;) pause();
  pthread_cleanup_pop(1);
  return argument;
}

static void cancel(void) {
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
  usleep(10000);
  MUST(pthread_cancel(thread) == 0);
  MUST(pthread_join(thread, NULL) == 0);
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "cancel") == 0) {
    cancel();
    return 0;
  }
  if (argc > 1 && strcmp(argv[1], "signal") == 0) {
    allocate_where_a_signal_came();
    return 0;
  }
  if (argc > 2 && strcmp(argv[1], "pairs") == 0) {
    pairs(atoi(argv[2]), 30);
    return 0;
  }
  outermost();
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, in_thread, NULL) == 0);
  come_and_go();
  MUST(pthread_join(thread, NULL) == 0);
  grow();
  if (argc > 1 && strcmp(argv[1], "killed") == 0) kill(getpid(), SIGKILL);
  return 0;
}
