/* SPDX-License-Identifier: BSL-1.0
 *
 * Which process this is: the one that started, or a child that was forked from it. And when another one began, as a
 * pid is used again.
 */
#pragma once

#include "files.h"
#include "messages.h"
#include "system.h"

static pid_t owner; /* the process that records */
/* Two bytes, 1 in the memory of the owner and 0 in a forked child's: taken over, and settled. NULL: the kernel has no
 * such page. */
static char *fork_page;

/* A child of vfork() is none: it uses the owner's memory, and its blocks are the owner's. */
static int is_forked_child(void) {
  return fork_page != NULL ? __atomic_load_n(fork_page, __ATOMIC_ACQUIRE) == 0 : owner != getpid();
}

/* Before main, or with the first block: a vfork child must not be taken for the program. */
__attribute__((constructor)) static void remember_process(void) {
  if (owner != 0) return;
  remember_stderr();
  owner = getpid();
#if defined(__linux__) && defined(MADV_WIPEONFORK)
  {
    enum { kNoAdvice = 12345 };
    const size_t bytes = page_size();
    void *const page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    /* qemu takes any advice, and does nothing. */
    if (madvise(page, bytes, MADV_WIPEONFORK) == 0 && madvise(page, bytes, kNoAdvice) != 0) {
      fork_page = page;
      fork_page[0] = 1;
    } else {
      munmap(page, bytes);
    }
  }
#endif
}

/* Of the threads of a child, one. */
static int takes_over(void) {
  if (fork_page != NULL ? __atomic_exchange_n(fork_page, 1, __ATOMIC_ACQ_REL) != 0 : owner == getpid()) return 0;
  owner = getpid();
  return 1;
}

static int is_settled(void) {
  return fork_page != NULL ? __atomic_load_n(&fork_page[1], __ATOMIC_ACQUIRE) : owner == getpid();
}

static int is_there(pid_t pid) { return pid > 0 && pid != owner && (kill(pid, 0) == 0 || errno == EPERM); }

/* When the process began: field 22 of /proc/PID/stat, counted from the name's end. 0: not known. */
static unsigned long long start_time_of(pid_t pid) {
  char folder[32], text[512];
  const char *at;
  ssize_t got;
  int field;
  snprintf(folder, sizeof folder, "/proc/%ld", (long)pid);
  got = read_beginning(folder, "stat", text, sizeof text - 1);
  if (got <= 0) return 0;
  text[got] = '\0';
  at = (strrchr)(text, ')');
  for (field = 2; at != NULL && field < 22; ++field) at = (strchr)(at + 1, ' ');
  return at != NULL ? strtoull(at, NULL, 10) : 0;
}
