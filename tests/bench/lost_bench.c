// SPDX-License-Identifier: BSL-1.0
//
// What it costs to find out which blocks are lost: a heap of very many live blocks, all of them held, or all lost.
//
//   --blocks N (1000000)    --mib N  of heap (1024)    --lost 1  the root forgets them
//   --mixed 1  who leads to whom has nothing to do with the order of addresses
//   --apart 1  no block leads to another: when lost, each is so by itself
//   --wait 1   stays until standard input ends: to be looked at from outside
//
// Each block holds the address of two others and numbers. The heap is built in a process of
// its own, which says how much processor time it has used when it calls exit(); the parent takes that from what the
// whole process has used. So cpu_ns and wall_ns are those of exit(), of all processes and threads that it makes, in
// nanoseconds of the whole; work_bytes is by how much memory grows meanwhile at most, for each block.
//
//   lost_bench OPTIONS --child COMMAND... OPTIONS    COMMAND is this program, and what stands before it
//   lost_bench --copy PID    what it takes to copy the heap of that process, and to do nothing else with it: nobody who
//                            looks from outside can be quicker

#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

void** g_root;  // (if it were static, the compiler would see that nobody reads it)

static unsigned long random_number(void) {
  static unsigned long state = 88172645463325252ul;
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static BENCH_NOINLINE void build(size_t blocks, size_t mean_bytes, int is_mixed, int is_apart, int is_lost) {
  unsigned long** all = malloc(blocks * sizeof *all);
  for (size_t i = 0; i < blocks; ++i) {
    const size_t words = (mean_bytes / 4 + random_number() % (mean_bytes * 3 / 2)) / sizeof(long);
    all[i] = malloc(words * sizeof(long));
    for (size_t w = 0; w < words; ++w) all[i][w] = w % 3 == 0 ? 0 : i * w;
    BENCH_KEEP(all[i]);
  }
  for (size_t i = blocks - 1; i > 0 && is_mixed; --i) {
    const size_t other = random_number() % (i + 1);
    unsigned long* const kept = all[i];
    all[i] = all[other];
    all[other] = kept;
  }
  // A tree.
  for (size_t i = 0; i < blocks && !is_apart; ++i) {
    for (size_t child = 2 * i + 1; child <= 2 * i + 2; ++child)
      all[i][child - 2 * i - 1] = child < blocks ? (unsigned long)all[child] : 0;
  }
  if (is_apart && !is_lost) {
    g_root = (void**)all;
    return;
  }
  g_root = is_lost ? NULL : (void**)all[0];
  memset(all, 0, blocks * sizeof *all);
  free(all);
}

// What the heap was built with is not to lie in registers or on the stack.
static BENCH_NOINLINE void forget(void) {
  volatile char room[16384];
  for (size_t i = 0; i < sizeof room; ++i) room[i] = 0;
}

struct Before {
  double cpu, wall;
  long resident_kib;
};

// What was needed for building is not to count: the kernel begins anew.
static void reset_peak(void) {
  FILE* refs = fopen("/proc/self/clear_refs", "w");
  if (refs == NULL) return;
  fputs("5", refs);
  fclose(refs);
}

static void child(int argc, char** argv, int answer) {
  const size_t blocks = (size_t)option(argc, argv, "--blocks", 1000000);
  const size_t mean = ((size_t)option(argc, argv, "--mib", 1024) << 20) / blocks;
  build(blocks, mean, option(argc, argv, "--mixed", 0) != 0, option(argc, argv, "--apart", 0) != 0,
        option(argc, argv, "--lost", 0) != 0);
  forget();
  char byte;
  if (option(argc, argv, "--wait", 0) != 0) {
    printf("pid %d\n", (int)getpid());
    fflush(stdout);
    while (read(0, &byte, 1) > 0) continue;
  }
  reset_peak();
  const struct Before before = {clock_ns(CLOCK_PROCESS_CPUTIME_ID), clock_ns(CLOCK_MONOTONIC), status_kib("VmRSS:")};
  if (answer >= 0 && write(answer, &before, sizeof before) != sizeof before) die("cannot answer");
  exit(0);
}

static void copy_heap(pid_t pid) {
  char line[512];
  snprintf(line, sizeof line, "/proc/%d/maps", (int)pid);
  FILE* maps = fopen(line, "r");
  unsigned long at = 0, end = 0;
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
    if (strstr(line, "[heap]") != NULL) sscanf(line, "%lx-%lx", &at, &end);
  static char room[256 << 10];
  memset(room, 1, sizeof room);
  const double cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
  for (ssize_t got = 0; at < end; at += (unsigned long)got) {
    struct iovec here = {room, sizeof room}, there = {(void*)at, end - at < sizeof room ? end - at : sizeof room};
    got = process_vm_readv(pid, &here, 1, &there, 1, 0);
    if (got <= 0) die("cannot copy");
  }
  printf("cpu_ns %.0f\nwall_ns %.0f\n", clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu, clock_ns(CLOCK_MONOTONIC) - wall);
}

static double seconds_ns(struct timeval t) { return (double)t.tv_sec * 1e9 + (double)t.tv_usec * 1e3; }

int main(int argc, char** argv) {
  if (getenv("LOST_BENCH_ANSWER") != NULL) child(argc, argv, atoi(getenv("LOST_BENCH_ANSWER")));
  const long copied = option(argc, argv, "--copy", 0);
  if (copied != 0) {
    copy_heap((pid_t)copied);
    return 0;
  }
  if (option(argc, argv, "--wait", 0) != 0) child(argc, argv, -1);
  int answer[2];
  if (pipe(answer) != 0) die("no pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    char number[16];
    snprintf(number, sizeof number, "%d", answer[1]);
    setenv("LOST_BENCH_ANSWER", number, 1);
    dup2(2, 1);
    int first = 1;
    while (first < argc && strcmp(argv[first], "--child") != 0) ++first;
    if (first + 1 >= argc) die("no --child");
    execvp(argv[first + 1], argv + first + 1);
    die("cannot run it");
  }
  close(answer[1]);
  struct Before before;
  struct rusage usage;
  int status = 0;
  if (read(answer[0], &before, sizeof before) != sizeof before) die("the child did not come to its end");
  wait4(pid, &status, 0, &usage);
  if (WIFSIGNALED(status)) die("the child was killed");
  printf("cpu_ns %.0f\nwall_ns %.0f\nwork_bytes %.1f\n",
         seconds_ns(usage.ru_utime) + seconds_ns(usage.ru_stime) - before.cpu, clock_ns(CLOCK_MONOTONIC) - before.wall,
         (double)(usage.ru_maxrss - before.resident_kib) * 1024 / (double)option(argc, argv, "--blocks", 1000000));
  return 0;
}
