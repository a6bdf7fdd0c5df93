// SPDX-License-Identifier: BSL-1.0
//
// Threads that come and go by the thousand while others stay. What leakdir holds for threads that have ended must serve
// those that follow: neither the program's memory nor the ledger grows. Two of them leak a block.

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "expect.h"

enum { kStaying = 12, kWarm = 400, kThreads = 4000, kOfARecord = 64 };
static sem_t end;

static void* stay(void* argument) {
  free(hidden(malloc(33)));
  sem_wait(&end);
  return argument;
}

static NOINLINE void leak_in_thread(size_t size) { LEAK(malloc, size, malloc(size)); }

static void* come_and_go(void* argument) {
  for (size_t i = 0; i < 20; ++i) free(hidden(malloc(10 + i)));
  if (argument != NULL) leak_in_thread(3300 + (size_t)argument);
  return NULL;
}

static void let_come_and_go(int count) {
  for (int i = 0; i < count; ++i) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, come_and_go, (void*)(size_t)(i == 100 ? count % 7 : 0)) == 0);
    MUST(pthread_join(thread, NULL) == 0);
  }
}

// Without stdio, which allocates.
static long anonymous_kib(void) {
  static char text[4096];
  const int fd = open("/proc/self/status", O_RDONLY);
  MUST(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
  close(fd);
  const char* line = strstr(text, "RssAnon:");
  MUST(line != NULL);
  return atol(line + 8);
}

static long ledger_kib(void) {
  struct stat status;
  MUST(stat("mem/.ledger", &status) == 0);
  return status.st_blocks / 2;
}

int main(void) {
  pthread_t staying[kStaying];
  sem_init(&end, 0, 0);
  for (int i = 0; i < kStaying; ++i) MUST(pthread_create(&staying[i], NULL, stay, NULL) == 0);
  let_come_and_go(kWarm);
  const long memory = anonymous_kib(), ledger = ledger_kib();
  let_come_and_go(kThreads);
  MUST(anonymous_kib() - memory < 1000);
  MUST(ledger_kib() - ledger < kThreads * kOfARecord / 1024 + 300);
  for (int i = 0; i < kStaying; ++i) sem_post(&end);
  for (int i = 0; i < kStaying; ++i) pthread_join(staying[i], NULL);
  return 0;
}
