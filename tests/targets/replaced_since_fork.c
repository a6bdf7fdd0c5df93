// SPDX-License-Identifier: BSL-1.0
//
// replaced_since_fork main|later|thread: after a fork the parent, or another thread of it, frees a block and makes one
// of another size: at the same address, on the same line, with the same row of the ledger. `later`: after 200 others.
// Only then the child allocates for the first time, and ends. A block of 1019 bytes stays as it was.

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "child.h"
#include "expect.h"

static sem_t is_made, is_to_be_replaced;
static void* volatile block;
static pid_t child;
static int told[2];
static int others_first;

static void wait_for(sem_t* semaphore) {
  while (sem_wait(semaphore) != 0) {
  }
}

static void fork_child(void) {
  child = fork();
  MUST(child >= 0);
  if (child != 0) return;
  char word;
  if (read(told[0], &word, 1) != 1) _exit(1);
  LEAK(malloc, 1013, malloc(1013));
  exit(0);
}

static void free_others(int count) {
  for (int i = 0; i < count; ++i) free(hidden(malloc(10)));
}

static volatile size_t size = 1009;  // not known to the compiler, so that one call makes both blocks

static void* make_twice(void* is_a_thread) {
  do {
    if (size == 1007) {
      is_a_thread != NULL ? wait_for(&is_to_be_replaced) : fork_child();
      free_others(others_first);
      free(block);
    }
    void* const made = malloc(size);
    MUST(size == 1009 || made == block);
    block = made;
    sem_post(&is_made);
    size -= 2;
  } while (size == 1007);
  return NULL;
}

int main(int argc, char** argv) {
  MUST(argc == 2 && pipe(told) == 0);
  MUST(sem_init(&is_made, 0, 0) == 0 && sem_init(&is_to_be_replaced, 0, 0) == 0);
  sink = malloc(1019);
  if (strcmp(argv[1], "later") == 0) others_first = 200;
  if (strcmp(argv[1], "thread") != 0) {
    make_twice(NULL);
  } else {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, make_twice, told) == 0);
    wait_for(&is_made);
    free_others(200);  // with numbers that are higher than the thread's next ones
    fork_child();
    sem_post(&is_to_be_replaced);
    MUST(pthread_join(thread, NULL) == 0);
  }
  MUST(write(told[1], "", 1) == 1);
  say_how_it_ended(child);
  return 0;
}
