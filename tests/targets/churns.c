// SPDX-License-Identifier: BSL-1.0
//
// Until SIGTERM comes it allocates, resizes and frees in three threads, makes threads that end at once and children,
// and sends itself signals. It loses nothing: each block is held by another that is held, and used again later. At the
// end it says whether all signals came.

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "expect.h"

enum { kThreads = 3, kKept = 64 };

static volatile sig_atomic_t came;
static volatile sig_atomic_t is_over;

static void note_signal(int signal) {
  (void)signal;
  ++came;
}

static void note_end(int signal) {
  (void)signal;
  is_over = 1;
}

static void check(char* const* owner) {
  for (int i = 0; i < 77; ++i) {
    if ((*owner)[i] != 'x') abort();
  }
}

static char** make(unsigned* seed) {
  char** const owner = malloc(sizeof *owner * (1 + rand_r(seed) % 200));
  *owner = malloc(77);
  memset(*owner, 'x', 77);
  return owner;
}

static void drop(char** owner) {
  check(owner);
  free(*owner);
  free(owner);
}

static void* churn(void* number) {
  unsigned seed = (unsigned)(long)number;
  char*** const kept = calloc(kKept, sizeof *kept);
  for (unsigned n = 0; !is_over; ++n) {
    char*** const one = kept + rand_r(&seed) % kKept;
    if (*one == NULL) {
      *one = make(&seed);
    } else if (rand_r(&seed) % 3 != 0) {
      // At times so large that it is moved by mappings.
      *one = realloc(*one, sizeof **one * (1 + rand_r(&seed) % (n % 100 == 0 ? 60000 : 3000)));
      check(*one);
    } else {
      drop(*one);
      *one = NULL;
    }
  }
  for (int i = 0; i < kKept; ++i) {
    if (kept[i] != NULL) drop(kept[i]);
  }
  free(kept);
  return NULL;
}

static void* ends_at_once(void* unused) {
  free(malloc(50));
  return unused;
}

int main(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGRTMIN, &action, NULL);
  action.sa_handler = note_end;
  sigaction(SIGTERM, &action, NULL);
  pthread_t threads[kThreads];
  for (long i = 0; i < kThreads; ++i) pthread_create(threads + i, NULL, churn, (void*)(i + 1));
  say("ready\n");
  int sent = 0;
  for (int n = 0; !is_over; ++n) {
    pthread_t thread;
    pthread_create(&thread, NULL, ends_at_once, NULL);
    pthread_join(thread, NULL);
    const pid_t child = n % 5 == 0 ? fork() : -1;
    if (child == 0) {
      free(malloc(10));
      _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0) {
    }
    sent += kill(getpid(), SIGRTMIN) == 0;
    usleep(300);
  }
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  usleep(100000);
  char text[80];
  snprintf(text, sizeof text, "signals sent=%d came=%d\n", sent, (int)came);
  say(text);
  return sent == came ? 0 : 1;
}
