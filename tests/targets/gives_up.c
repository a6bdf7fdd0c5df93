// SPDX-License-Identifier: BSL-1.0
//
// gives_up WHAT: starts as root, allocates, gives up `groups`, `capabilities` or `privileges` (that an exec could
// give), or has its system calls filtered (`calls`), and waits until no thread of the process has more than it has
// itself. `steps`: gives up one after the other, allocates in between, has leakdir's thread again when all but `calls`
// is given up, and none after that.

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "expect.h"

static NOINLINE void leak_before(void) { LEAK(malloc, 8101, malloc(8101)); }
static NOINLINE void leak_after(void) { LEAK(malloc, 8111, malloc(8111)); }

// The whole of a small file, without an allocation. Empty where there is none.
static void read_text(const char* path, char* into, size_t room) {
  const int file = open(path, O_RDONLY);
  const ssize_t got = file < 0 ? -1 : read(file, into, room - 1);
  if (file >= 0) close(file);
  into[got < 0 ? 0 : got] = '\0';
}

// The lines that say what a thread may do.
static void rights_of(const char* task, char* into, size_t room) {
  static const char* const kKeys[] = {"Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:", "NoNewPrivs:", "Seccomp:"};
  char path[300], text[4096];
  snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
  read_text(path, text, sizeof text);
  into[0] = '\0';
  for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;)
    for (size_t i = 0; i < sizeof kKeys / sizeof *kKeys; ++i)
      if (strncmp(line, kKeys[i], strlen(kKeys[i])) == 0) strncat(into, line, room - strlen(into) - 1);
}

static int all_threads_are_alike(void) {
  char own[2048], other[2048], self[20];
  int alike = 1;
  snprintf(self, sizeof self, "%d", (int)getpid());
  rights_of(self, own, sizeof own);
  DIR* tasks = opendir("/proc/self/task");
  for (struct dirent* task; (task = readdir(tasks)) != NULL;) {
    if (task->d_name[0] == '.') continue;
    rights_of(task->d_name, other, sizeof other);
    if (other[0] != '\0' && strcmp(own, other) != 0) alike = 0;
  }
  closedir(tasks);
  return alike;
}

static void give_up(const char* what) {
  if (strcmp(what, "groups") == 0) MUST(setgroups(1, (gid_t[]){60009}) == 0);
  if (strcmp(what, "privileges") == 0) MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  if (strcmp(what, "capabilities") == 0) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    MUST(syscall(SYS_capset, &header, none) == 0);
  }
  if (strcmp(what, "calls") == 0) {
    struct sock_filter allow_all[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    const struct sock_fprog program = {1, allow_all};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
  }
}

// Without an allocation, which would make one.
static int threads(void) {
  char text[4096];
  read_text("/proc/self/status", text, sizeof text);
  const char* line = strstr(text, "\nThreads:");
  MUST(line != NULL);
  return atoi(line + strlen("\nThreads:"));
}

static const struct timespec moment = {0, 10000000};

static void wait_until_alone(void) {
  int tries = 0;
  while (threads() > 1 && ++tries < 3000) nanosleep(&moment, NULL);
  MUST(tries < 3000);
}

// When a step has ended leakdir's thread, an allocation makes a new one, which finds the next step taken as it begins.
// Once system calls are filtered none is made any more.
static int gives_up_in_steps(void) {
  int tries = 0;
  leak_before();
  for (const char* const* step = (const char*[]){"privileges", "groups", NULL}; *step != NULL; ++step) {
    give_up(*step);
    wait_until_alone();
    leak_after();
  }
  give_up("capabilities");
  for (tries = 0; !(threads() == 2 && all_threads_are_alike()) && tries < 1000; ++tries) {
    nanosleep(&moment, NULL);
    sink = malloc(8123);
    free(sink);
  }
  MUST(tries < 1000);
  give_up("calls");
  wait_until_alone();
  leak_after();
  nanosleep(&moment, NULL);
  MUST(threads() == 1);
  return 0;
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  if (strcmp(argv[1], "steps") == 0) return gives_up_in_steps();
  leak_before();
  nanosleep(&moment, NULL);
  give_up(argv[1]);
  leak_after();
  int tries = 0;
  while (!all_threads_are_alike() && ++tries < 3000) nanosleep(&moment, NULL);
  MUST(tries < 3000);
  leak_after();
  nanosleep(&moment, NULL);
  MUST(all_threads_are_alike());
  return 0;
}
