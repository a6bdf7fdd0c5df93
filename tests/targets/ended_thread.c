// SPDX-License-Identifier: BSL-1.0
//
// The first block of all is made by a thread that ends, and so is leakdir's helper thread; the block is lost with it.
// Nobody waits for the thread to end but the program itself.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "expect.h"

static atomic_int thread_id;

static NOINLINE void* ends(void* unused) {
  void* volatile on_its_stack = hidden(calloc(1, 1001));
  hidden(on_its_stack);
  say("expect kind=definite size=1001\n");
  usleep(200000);  // the helper is there
  atomic_store(&thread_id, (int)syscall(SYS_gettid));
  return unused;
}

int main(void) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  pthread_create(&thread, &attributes, ends, NULL);
  while (atomic_load(&thread_id) == 0) usleep(1000);
  while (syscall(SYS_tgkill, getpid(), atomic_load(&thread_id), 0) == 0) usleep(1000);  // until it is gone
  say("ready\n");
  for (;;) pause();
}
