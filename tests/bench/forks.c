// SPDX-License-Identifier: BSL-1.0
//
// forks FORKS BLOCKS THREADS MIB [KEPT]: what a fork costs whose child allocates, frees and exits, in a process with so
// many live blocks, busy threads and MiB of heap. The child may keep KEPT blocks of its own. Prints milliseconds of
// processor time for one, of the child and of the thread that forks.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kKept = 64, kThreads = 8 };

static volatile int stop;

static void* hidden(void* block) {
  __asm__ volatile("" : "+r"(block) : : "memory");
  return block;
}

// From a stack of that depth.
__attribute__((noinline)) static void* get(int depth) { return hidden(depth == 0 ? malloc(100) : get(depth - 1)); }

static void* work(void* argument) {
  void* kept[kKept] = {0};
  for (unsigned state = (unsigned)(size_t)argument; !stop;) {
    state = state * 1103515245 + 12345;
    void** const one = &kept[(state >> 16) % kKept];
    free(*one);
    *one = malloc((state >> 8) % 500 + 1);
  }
  for (int i = 0; i < kKept; ++i) free(kept[i]);
  return NULL;
}

static double ms_of(struct timeval time) { return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3; }

static double now_ms(void) {
  struct timespec own;
  struct rusage children;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
  getrusage(RUSAGE_CHILDREN, &children);
  return (double)own.tv_sec * 1e3 + (double)own.tv_nsec / 1e6 + ms_of(children.ru_utime) + ms_of(children.ru_stime);
}

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) return 2;
  const int forks = atoi(argv[1]), blocks = atoi(argv[2]), threads = atoi(argv[3]) % (kThreads + 1);
  const int kept_by_child = argc == 6 ? atoi(argv[5]) : 0;
  const size_t heap = (size_t)atoi(argv[4]) << 20;
  void** const kept = malloc(sizeof *kept * (size_t)(blocks + 1));
  for (int i = 0; i <= blocks; ++i) kept[i] = get(i % 20);
  char* const large = malloc(heap + 1);
  memset(large, 1, heap);
  pthread_t busy[kThreads];
  for (int i = 0; i < threads; ++i) pthread_create(&busy[i], NULL, work, (void*)(size_t)(i + 1));
  usleep(200000);
  const double start = now_ms();
  for (int i = 0; i < forks; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (int k = 0; k < 20; ++k) free(get(k % 5));
      free(kept[0]);
      for (int k = 0; k < kept_by_child; ++k) get(3);
      exit(0);
    }
    int status = -1;
    if (waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  printf("%.3f\n", (now_ms() - start) / forks);
  stop = 1;
  for (int i = 0; i < threads; ++i) pthread_join(busy[i], NULL);
  for (int i = 0; i <= blocks; ++i) free(kept[i]);
  free(kept);
  free(large);
  return 0;
}
