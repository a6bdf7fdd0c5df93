// SPDX-License-Identifier: BSL-1.0
//
// A program that does its work whatever happens to leakdir: blocks of many sizes, resized, handed to another thread and
// to a forked child, their contents looked at all the time; descriptors and errno as they were. Prints `sum NUMBER`,
// always the same one, and leaks a block of 1237 bytes.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"

enum { kBlocks = 40, kRounds = 2 };

static unsigned char* blocks[kBlocks];
static size_t sizes[kBlocks];

static unsigned char byte_of(int i, size_t at) { return (unsigned char)(i * 31 + at); }

static void fill(int i) {
  for (size_t at = 0; at < sizes[i]; ++at) blocks[i][at] = byte_of(i, at);
}

static unsigned long check(int i, size_t bytes) {
  unsigned long sum = 0;
  for (size_t at = 0; at < bytes; ++at) {
    MUST(blocks[i][at] == byte_of(i, at));
    sum += blocks[i][at];
  }
  return sum;
}

static void* check_and_free(void* sum) {
  for (int i = 0; i < kBlocks; ++i) {
    *(unsigned long*)sum += check(i, sizes[i]);
    free(blocks[i]);
  }
  return NULL;
}

static unsigned long round_of_work(int round) {
  for (int i = 0; i < kBlocks; ++i) {
    sizes[i] = (size_t)(i * 37 % 700 + 1);
    errno = 4711;
    blocks[i] = i % 3 == 0 ? calloc(1, sizes[i]) : malloc(sizes[i]);
    MUST(blocks[i] != NULL && errno == 4711);
    fill(i);
  }
  for (int i = 0; i < kBlocks; i += 2) {
    const size_t was = sizes[i];
    sizes[i] = was * 2 + (size_t)round;
    blocks[i] = realloc(blocks[i], sizes[i]);
    MUST(blocks[i] != NULL);
    check(i, was);
    fill(i);
  }
  usleep(3000);  // for what is written behind
  unsigned long sum = 0;
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, check_and_free, &sum) == 0);
  MUST(pthread_join(thread, NULL) == 0);
  errno = 4711;
  free(NULL);
  MUST(errno == 4711);
  return sum;
}

int main(void) {
  const int lowest = open("/dev/null", O_RDONLY);
  unsigned long sum = 0;
  for (int round = 0; round < kRounds; ++round) sum += round_of_work(round);
  fflush(NULL);
  const pid_t child = fork();
  if (child == 0) {
    sum += round_of_work(kRounds);
    exit(sum % 251 == 0 ? 1 : 0);
  }
  int status = 0;
  MUST(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  char* leaked = malloc(1237);
  MUST(leaked != NULL);
  memset(leaked, 1, 1237);
  close(lowest);
  MUST(open("/dev/null", O_RDONLY) == lowest);
  char text[64];
  snprintf(text, sizeof text, "sum %lu\n", sum);
  say(text);
  return 0;
}
