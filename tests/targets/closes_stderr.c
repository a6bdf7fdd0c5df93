// SPDX-License-Identifier: BSL-1.0
//
// closes_stderr HOW: leaks a block, and ends with standard error in some state. In each way its exit handlers see to it
// that they find no descriptor but those that main had.
//   exit          exit handlers close standard output and error, as gnulib's close_stdout does
//   return        the same, by return from main
//   reopens       an exit handler opens ./own in place of standard error
//   closes-all    an exit handler closes all descriptors
//   forks         an exit handler forks a child, which closes 0, 1 and 2 and has no descriptor then
//   execs         an exit handler becomes `closes_stderr nothing`
//   thread        a thread calls exit, in which handlers close as in `exit`
//   leaves        main ends by pthread_exit while a thread lives; it sees that nobody holds standard error
//   before        main itself closes standard error
//   before-opens  main itself opens ./own in its place
//   nothing       nothing of all that, and nothing is leaked

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "expect.h"

static const char* how;
static const char* self;
enum { kMost = 4096 };
static char before[kMost];  // for each descriptor, whether main had it

static int is_how(const char* what) { return strcmp(how, what) == 0; }

static int is_open(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }

static void remember_descriptors(void) {
  for (int i = 0; i < kMost; ++i) before[i] = is_open(i);
}

static int are_as_before(int from) {
  for (int i = from; i < kMost; ++i)
    if (is_open(i) != before[i]) return 0;
  return 1;
}

static void open_own(void) {
  close(2);
  MUST(open("own", O_WRONLY | O_CREAT | O_TRUNC, 0600) == 2);
}

static void close_streams(void) {
  MUST(are_as_before(0));
  if (fclose(stdout) != 0 || fclose(stderr) != 0) _exit(98);
}

static void in_handler(void) {
  MUST(are_as_before(0));
  if (is_how("reopens")) open_own();
  if (is_how("closes-all"))
    for (int i = 0; i < kMost; ++i) close(i);
  if (is_how("forks")) {
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 0; i < 3; ++i) close(i);
      free(hidden(malloc(300)));
      _exit(are_as_before(3) && !is_open(0) && !is_open(1) && !is_open(2) ? 0 : 95);
    }
    int status;
    MUST(waitpid(child, &status, 0) == child);
    MUST(status == 0);
    close(2);
  }
  if (is_how("execs")) {
    execl(self, self, "nothing", (char*)NULL);
    _exit(97);
  }
}

static NOINLINE void leak(void) { LEAK(malloc, 4703, malloc(4703)); }

// Whether a thread has a descriptor 2.
static int is_held(void) {
  for (int thread = 0; thread < 8; ++thread) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/task/%d/fd/2", (int)getpid() + thread);
    if (access(link, F_OK) == 0) return 1;
  }
  return 0;
}

static void* work(void* argument) {
  if (is_how("thread")) exit(0);
  close(2);
  // Main leaves, and is the only one beside us that could hold it.
  for (int tries = 0; is_held(); ++tries) {
    MUST(tries < 1000);
    usleep(10000);
  }
  return argument;
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  self = argv[0];
  how = argv[1];
  if (is_how("nothing")) return 0;
  leak();
  if (is_how("before")) close(2);
  if (is_how("before-opens")) open_own();
  remember_descriptors();
  const int closes = is_how("exit") || is_how("return") || is_how("thread");
  if (closes) atexit(close_streams);
  if (!closes && !is_how("leaves")) atexit(in_handler);
  if (is_how("thread") || is_how("leaves")) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, work, NULL) == 0);
    if (is_how("leaves")) pthread_exit(NULL);
    pthread_join(thread, NULL);
  }
  if (is_how("return")) return 0;
  exit(0);
}
