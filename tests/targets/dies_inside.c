// SPDX-License-Identifier: BSL-1.0
//
// dies_inside STRIDE: threads that end in the middle of a hook, each one instruction (or STRIDE of them) further than
// the one before, until one comes through. Then the program must go on as if nothing had been: the locks that they may
// have held must not be missed, what they had in hand must not be handed out twice. Prints `died threads=N`.
//
// The processor's trap flag counts the instructions; the handler ends the thread by pthread_exit. Not while glibc
// itself is under way: it takes the loader's lock a few instructions before it can be undone.

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#include "expect.h"

enum { kOfThread = 104, kAfter = 4000 };
static __thread volatile long instructions_left;
static __thread volatile int came_through;
static volatile int is_through;
static long died;

extern const char __executable_start, etext;

static int is_in_program(const void* context) {
  const char* const at = (const char*)((const ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
  return at >= &__executable_start && at < &etext;
}

static void handler(int signal, siginfo_t* info, void* context) {
  (void)signal;
  (void)info;
  if (came_through || --instructions_left > 0 || !is_in_program(context)) return;
  pthread_exit(NULL);
}

// The unwind tables must be right in between, too.
#define CHANGE_FLAGS(change)                                                                               \
  __asm__ volatile("pushf; .cfi_adjust_cfa_offset 8; " change ", (%%rsp); popf; .cfi_adjust_cfa_offset -8" \
                   :                                                                                       \
                   :                                                                                       \
                   : "memory", "cc")

static NOINLINE void* allocate_stepped(void* block) {
  CHANGE_FLAGS("orq $0x100");
  block = hidden(malloc(kOfThread));
  free(block);
  block = hidden(malloc(kOfThread));
  CHANGE_FLAGS("andq $~0x100");
  return block;
}

// glibc is no part of this: what it hands out lies in the thread's cache.
static void* run(void* argument) {
  const long number = (long)(size_t)argument;
  void* warm = hidden(malloc(kOfThread));
  free(hidden(malloc(kOfThread)));
  free(warm);
  instructions_left = number;
  free(allocate_stepped(NULL));
  came_through = 1;
  is_through = 1;
  return NULL;
}

static NOINLINE void* leak_much(size_t i) { return hidden(malloc(20 + i % 50)); }

int main(int argc, char** argv) {
  MUST(argc == 2);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  MUST(sigaction(SIGTRAP, &action, NULL) == 0);
  for (long n = 1; !is_through; n += atol(argv[1])) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, run, (void*)(size_t)n) == 0);
    MUST(pthread_join(thread, NULL) == 0);
    ++died;
  }
  // The ledger grows, threads come, blocks go: all of it as ever.
  static void* kept[kAfter];
  for (size_t i = 0; i < kAfter; ++i) kept[i] = leak_much(i);
  for (size_t i = 0; i < kAfter; ++i) free(kept[i]);
  LEAK(malloc, 4801, malloc(4801));
  char text[60];
  snprintf(text, sizeof text, "died threads=%ld\n", died);
  say(text);
  return 0;
}
