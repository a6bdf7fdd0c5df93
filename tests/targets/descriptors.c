// SPDX-License-Identifier: BSL-1.0
//
// A server's habit: closes descriptors 3 to 1023, opens files of its own under these numbers, and expects to find in
// them what it wrote, and nothing else, while it allocates, leaks and frees.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "expect.h"

enum { kFirst = 3, kLast = 1023 };

static void close_all(void) {
  for (int fd = kFirst; fd <= kLast; ++fd) close(fd);
}

static void open_own(void) {
  for (int fd = kFirst; fd <= kLast; ++fd) {
    char name[40], text[40];
    snprintf(name, sizeof name, "own-%d", fd);
    const int got = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    MUST(got == fd);
    const int length = snprintf(text, sizeof text, "content of %d", fd);
    MUST(write(fd, text, (size_t)length) == length);
  }
}

static void check_own(void) {
  for (int fd = kFirst; fd <= kLast; ++fd) {
    char name[40], expected[40], found[100] = "";
    struct stat by_fd, by_name;
    snprintf(name, sizeof name, "own-%d", fd);
    snprintf(expected, sizeof expected, "content of %d", fd);
    MUST(fstat(fd, &by_fd) == 0 && stat(name, &by_name) == 0 && by_fd.st_ino == by_name.st_ino);
    MUST(pread(fd, found, sizeof found - 1, 0) == (ssize_t)strlen(expected));
    MUST(strcmp(found, expected) == 0);
    MUST(lseek(fd, 0, SEEK_CUR) == (off_t)strlen(expected));
  }
}

static void pause_ms(long ms) {
  const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

static NOINLINE void leak_before(void) { LEAK(malloc, 6001, malloc(6001)); }
static NOINLINE void leak_after(void) { LEAK(malloc, 6007, malloc(6007)); }

// Grows the ledger and its files while the descriptors are the program's.
static void churn(void) {
  static void* blocks[5000];
  for (int i = 0; i < 5000; ++i) blocks[i] = malloc(24);
  pause_ms(250);
  for (int i = 0; i < 5000; ++i) free(blocks[i]);
}

int main(void) {
  // A program that opens a file right away gets the number that it would get without leakdir.
  const int first = open("/dev/null", O_RDONLY);
  MUST(first == 3);
  for (int i = 0; i < 1000; ++i) {
    sink = malloc(64);
    const int next = open("/dev/null", O_RDONLY);
    MUST(next == 4);
    close(next);
    free(sink);
  }
  leak_before();
  close_all();
  open_own();
  leak_after();
  churn();
  check_own();
  pause_ms(250);
  check_own();
  close_all();
  return 0;
}
