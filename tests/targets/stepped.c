// SPDX-License-Identifier: BSL-1.0
//
// stepped CALLS: goes through every hook one instruction at a time (the processor's trap flag), and at each instruction
// a handler on an alternate stack allocates and frees. Every 64th of its blocks is kept. Run it with
// GLIBC_TUNABLES=glibc.malloc.tcache_count=6000: glibc is not safe in a handler but for what lies in the thread's
// cache, so program and handler keep to sizes of their own that are there. What is interrupted, and entered again, is
// leakdir.

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>

#include "expect.h"

enum { kOfProgram = 104, kLarger = 152, kOfHandler = 504, kWarm = 3000, kKeepEvery = 64 };

static volatile long steps, kept;
static volatile int nothing_more;

static void handler(int signal) {
  (void)signal;
  if (nothing_more) return;
  const int saved = errno;
  errno = 4711;
  void* volatile first = malloc(kOfHandler);
  void* volatile second = malloc(kOfHandler);
  if (steps++ % kKeepEvery == 0) {
    ++kept;
  } else {
    free(first);
  }
  free(second);
  if (errno != 4711) _exit(97);
  errno = saved;
}

static void warm_up(size_t size) {
  static void* blocks[kWarm];
  for (int i = 0; i < kWarm; ++i) blocks[i] = hidden(malloc(size));
  for (int i = 0; i < kWarm; ++i) free(blocks[i]);
}

// The unwind tables must be right in between, too.
#define CHANGE_FLAGS(change)                                                                               \
  __asm__ volatile("pushf; .cfi_adjust_cfa_offset 8; " change ", (%%rsp); popf; .cfi_adjust_cfa_offset -8" \
                   :                                                                                       \
                   :                                                                                       \
                   : "memory", "cc")

// The red zone must not be in use where the flags are pushed.
static NOINLINE void* stepped(void* (*call)(void*), void* argument) {
  CHANGE_FLAGS("orq $0x100");
  void* result = call(argument);
  CHANGE_FLAGS("andq $~0x100");
  return result;
}

static NOINLINE void* by_malloc(void* unused) {
  (void)unused;
  return hidden(malloc(kOfProgram));
}
static NOINLINE void* by_calloc(void* unused) {
  (void)unused;
  return hidden(calloc(1, kOfProgram));
}
static NOINLINE void* by_realloc(void* block) { return hidden(realloc(block, kLarger)); }
static NOINLINE void* by_free(void* block) {
  free(block);
  return NULL;
}

static NOINLINE void* by_leaking(void* unused) {
  LEAK(malloc, kOfProgram - 1, malloc(kOfProgram - 1));
  return unused;
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  static char alternate[65536];
  const stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  MUST(sigaltstack(&stack, NULL) == 0);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_ONSTACK;
  MUST(sigaction(SIGTRAP, &action, NULL) == 0);
  warm_up(kOfProgram);
  warm_up(kLarger);
  warm_up(kOfHandler);
  for (int i = 0; i < atoi(argv[1]); ++i) {
    by_free(stepped(by_malloc, NULL));
    stepped(by_free, by_malloc(NULL));
    stepped(by_free, stepped(by_realloc, stepped(by_calloc, NULL)));
  }
  stepped(by_leaking, NULL);
  nothing_more = 1;
  char text[80];
  snprintf(text, sizeof text, "stepped steps=%ld kept=%ld\n", steps, kept);
  say(text);
  return 0;
}
