// SPDX-License-Identifier: BSL-1.0
//
// endures BLOCKS [CHANGE]: changes what the system gives it, makes BLOCKS blocks, looks at their contents all the time,
// leaks three others and frees the rest. Whatever happens to leakdir meanwhile, it ends with 0.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "expect.h"

enum { kMost = 20000 };
static unsigned char* blocks[kMost];

static size_t size_of(int i) { return 16 + (size_t)i * 37 % 199; }

static void limit(int resource, rlim_t most) {
  const struct rlimit value = {most, most};
  MUST(setrlimit(resource, &value) == 0);
}

static void take_descriptor_2(int flags) {
  close(2);
  MUST(open("own", flags | O_CREAT | O_TRUNC, 0600) == 2);
  MUST(write(2, "mine", 4) == 4);
}

static void move_directory_away(void) { MUST(rename("mem", "aside") == 0); }

static void change_surroundings(const char* how) {
  if (strcmp(how, "file-size-0") == 0) limit(RLIMIT_FSIZE, 2000);
  if (strcmp(how, "file-size") == 0) limit(RLIMIT_FSIZE, 150000);
  if (strcmp(how, "descriptors") == 0) {
    limit(RLIMIT_NOFILE, 64);
    while (dup(1) >= 0) {
    }
    MUST(errno == EMFILE);
  }
  if (strcmp(how, "stderr-read-and-written") == 0) take_descriptor_2(O_RDWR);
  if (strcmp(how, "stderr-written") == 0) take_descriptor_2(O_WRONLY);
  if (strcmp(how, "stderr-appended") == 0) take_descriptor_2(O_WRONLY | O_APPEND);
  if (strcmp(how, "removed") == 0) MUST(system("rm -r mem") == 0);
  if (strcmp(how, "link") == 0) {
    move_directory_away();
    MUST(mkdir("victim", 0700) == 0 && symlink("victim", "mem") == 0);
  }
  if (strcmp(how, "file") == 0) {
    move_directory_away();
    close(open("mem", O_WRONLY | O_CREAT | O_EXCL, 0600));
  }
  if (strcmp(how, "another") == 0) {
    move_directory_away();
    MUST(mkdir("mem", 0700) == 0);
  }
  if (strcmp(how, "no-process") == 0) {
    limit(RLIMIT_NPROC, 1);
    MUST(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
  }
  if (strcmp(how, "address-space") == 0) {
    // Of what is asked for at once the program gets as much as without leakdir.
    limit(RLIMIT_AS, (rlim_t)200 << 20);
    void* const large = malloc((size_t)100 << 20);
    MUST(large != NULL);
    free(large);
  }
  if (strcmp(how, "locked") == 0) MUST(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
  if (strcmp(how, "unshared") == 0) MUST(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_FILES | CLONE_FS) == 0);
}

static void check(int i) {
  for (size_t at = 0; at < size_of(i); ++at) MUST(blocks[i][at] == (unsigned char)(i + at));
}

static void fill(int i) {
  for (size_t at = 0; at < size_of(i); ++at) blocks[i][at] = (unsigned char)(i + at);
}

// In order, out of order, and some of them moved: pages of the ledger that grow, are left, and are used again.
static void work(int count) {
  for (int i = 0; i < count; ++i) {
    errno = 4711;
    blocks[i] = malloc(size_of(i));
    MUST(blocks[i] != NULL && errno == 4711);
    fill(i);
  }
  for (int i = 0; i < count; i += 7) {
    blocks[i] = realloc(blocks[i], size_of(i) + 4000);
    MUST(blocks[i] != NULL);
  }
  const struct timespec time = {0, 20000000};  // for what is written behind
  nanosleep(&time, NULL);
  for (int i = 0; i < count; ++i) check(i);
  for (int step = 0; step < 3; ++step) {
    for (int i = step; i < count; i += 3) {
      check(i);
      errno = 4711;
      free(blocks[i]);
      MUST(errno == 4711);
    }
  }
}

static NOINLINE void leak_first(void) { LEAK(malloc, 5001, malloc(5001)); }
static NOINLINE void leak_second(void) { LEAK(calloc, 5003, calloc(1, 5003)); }
// Where blocks were before: what malloc had left there of its own lists may look like a pointer into another.
static NOINLINE void* cleared(void* block, size_t bytes) { return memset(block, 0, bytes); }
static NOINLINE void leak_third(void) { LEAK(malloc, 5007, cleared(malloc(5007), 5007)); }

int main(int argc, char** argv) {
  MUST(argc > 1);
  const int count = atoi(argv[1]);
  MUST(count <= kMost);
  leak_first();
  change_surroundings(argc > 2 ? argv[2] : "");
  leak_second();
  work(count);
  leak_third();
  struct rusage usage;
  MUST(getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss < 100000);
  return 0;
}
