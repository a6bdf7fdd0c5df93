// SPDX-License-Identifier: BSL-1.0
//
// other_libc WAY: what another libc than glibc may do in a way of its own: fork, a signal's handler, what libc keeps
// for itself, the order at exit, memory that is cleared. Prints what is expected to live.

#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <libintl.h>
#include <locale.h>
#include <mntent.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <shadow.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "expect.h"

static NOINLINE void leak_in_parent(void) { LEAK(malloc, 1009, malloc(1009)); }
static NOINLINE void leak_in_child(void) { LEAK(malloc, 1013, malloc(1013)); }
static NOINLINE void leak_in_handler(void) { LEAK(malloc, 1019, malloc(1019)); }
static NOINLINE void leak_in_constructor(void) { LEAK(malloc, 1021, malloc(1021)); }

static void* volatile of_constructor;
static int is_early;
__attribute__((constructor(101))) static void construct(void) { of_constructor = hidden(malloc(77)); }
__attribute__((constructor)) static void construct_and_leak(void) {
  if (getenv("LEAK_IN_CONSTRUCTOR") != NULL) leak_in_constructor();
  is_early = 1;
}

static void* of_destructor;
__attribute__((destructor)) static void destroy(void) { free(of_destructor); }
static void* of_exit;
static void free_at_exit(void) { free(of_exit); }

static void in_child(void) {
  leak_in_child();
  free(hidden(malloc(10)));
  exit(0);
}

static void forks(void) {
  void* inherited = hidden(malloc(50));
  const pid_t child = fork();
  if (child == 0) {
    free(inherited);
    in_child();
  }
  int status = -1;
  MUST(waitpid(child, &status, 0) == child && status == 0);
  char text[40];
  snprintf(text, sizeof text, "child pid=%d\n", child);
  say(text);
  leak_in_parent();
  free(inherited);
}

static void handler(int signal) {
  (void)signal;
  leak_in_handler();
}

static void signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  MUST(sigaction(SIGUSR1, &action, NULL) == 0);
  MUST(raise(SIGUSR1) == 0);
}

static void nothing(void) {}

// Of what these return nothing is to be freed.
static void libc_keeps(void) {
  MUST(setenv("LEAKDIR_OTHER_LIBC", "a", 1) == 0 && setenv("LEAKDIR_OTHER_LIBC", "longer", 1) == 0);
  static char variable[] = "LEAKDIR_ANOTHER=b";
  MUST(putenv(variable) == 0 && unsetenv("LEAKDIR_OTHER_LIBC") == 0);
  sink = getpwnam("root");
  sink = getgrnam("root");
  sink = getspnam("root");
  sink = gethostbyname("127.0.0.1");
  sink = getusershell();
  FILE* mounts = setmntent("/proc/mounts", "r");
  MUST(mounts != NULL && (sink = getmntent(mounts)) != NULL && endmntent(mounts) == 1);
  sink = setlocale(LC_ALL, "C.UTF-8");
  sink = textdomain("leakdir");
  sink = gettext("text");
  const time_t now = 0;
  sink = localtime(&now);
  MUST(pthread_atfork(nothing, nothing, nothing) == 0);
  for (int i = 0; i < 100; ++i) MUST(atexit(nothing) == 0);
  FILE* file = fopen("/proc/self/comm", "r");
  char line[30];
  MUST(file != NULL && fgets(line, sizeof line, file) != NULL && fclose(file) == 0);
  file = popen("true", "r");
  MUST(file != NULL && pclose(file) == 0);
  printf("%d\n", 42);
}

static void ends(void) {
  of_exit = hidden(malloc(33));
  of_destructor = hidden(malloc(34));
  MUST(atexit(free_at_exit) == 0);
}

static int is_cleared(const unsigned char* block, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    if (block[i] != 0) return 0;
  }
  return 1;
}

// Small and large ones, of memory that was written to, and of one that begins anywhere in a page.
static void clears(void) {
  for (size_t bytes = 1; bytes < 400000; bytes += 1 + bytes / 3) {
    void* dirty[8];
    for (int i = 0; i < 8; ++i) dirty[i] = memset(hidden(malloc(bytes)), 0xa5, bytes);
    for (int i = 0; i < 8; ++i) free(dirty[i]);
    for (int i = 0; i < 8; ++i) MUST(is_cleared(dirty[i] = hidden(calloc(bytes, 1)), bytes));
    for (int i = 0; i < 8; ++i) free(dirty[i]);
  }
  errno = 0;
  volatile size_t half = SIZE_MAX / 2;
  MUST(hidden(calloc(half, 3)) == NULL && errno == ENOMEM);
}

// Each is said with its kind, as it is when the program ends or is looked at.
static void* volatile held;
static char* volatile held_in_the_middle;
static __thread void* volatile held_by_thread;

static NOINLINE void lose_and_hold(void) {
  void** lost = hidden(malloc(1031));
  *lost = hidden(malloc(1033));
  say("expect kind=definite size=1031\nexpect kind=indirect size=1033\n");
  held = hidden(malloc(1039));
  held_in_the_middle = (char*)hidden(malloc(1049)) + 100;
  held_by_thread = hidden(malloc(1051));
  say("expect kind=reachable size=1039\nexpect kind=possible size=1049\nexpect kind=reachable size=1051\n");
  // Held by what a block held that is free.
  void** freed = hidden(malloc(200));
  freed[10] = hidden(malloc(1061));
  free(freed);
  say("expect kind=definite size=1061\n");
  say("expect kind=reachable size=77\n");  // its address may be on the stack still, and another's is not to be the same
}

static NOINLINE void overwrite_stack(void) {
  volatile char bytes[20000];
  for (size_t i = 0; i < sizeof bytes; ++i) bytes[i] = 0;
}

static NOINLINE void looked_at(void) {
  for (int i = 0; i < 3; ++i) overwrite_stack();
  say("ready\n");
  pause();
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  const char* way = argv[1];
  const int loses = strcmp(way, "loses") == 0 || strcmp(way, "looked-at") == 0;
  if (!loses) free(of_constructor);
  MUST(is_early);
  if (strcmp(way, "forks") == 0) forks();
  if (strcmp(way, "signals") == 0) signals();
  if (strcmp(way, "keeps") == 0) libc_keeps();
  if (strcmp(way, "ends") == 0) ends();
  if (strcmp(way, "clears") == 0) clears();
  if (loses) lose_and_hold();
  if (strcmp(way, "looked-at") == 0) looked_at();
  overwrite_stack();
  if (strcmp(way, "quickly") == 0) quick_exit(0);
  return 0;
}
