// SPDX-License-Identifier: BSL-1.0
//
// What it costs to find out which blocks are lost: a heap of very many live blocks, all of them held, or all lost.
//
//   --blocks N (1000000)    --mib N  of heap (1024)    --lost 1  the root forgets them
//   --mixed 1  who leads to whom has nothing to do with the order of addresses
//   --apart 1  no block leads to another: when lost, each is so by itself
//   --wait 1   stays until standard input ends: to be looked at from outside
// and, beside that heap, what there may be very much of, each of which holds a block of its own:
//   --threads N that wait    --mappings N of a page each    --sparse N  GiB in one mapping, a page in 64 MiB in use
//   --large N  blocks of --large-mib N (1024), of which the first page alone is in use
//
// Each block holds the address of two others and numbers. The heap is built in a process of
// its own, which says how much processor time it has used when it calls exit(); the parent takes that from what the
// whole process has used. So cpu_ns and wall_ns are those of exit(), of all processes and threads that it makes, in
// nanoseconds of the whole; work_bytes is by how much memory grows meanwhile at most, for each block.
//
//   lost_bench OPTIONS --child COMMAND... OPTIONS    COMMAND is this program, and what stands before it
//   lost_bench --copy PID    what it takes to copy the heap of that process, and to do nothing else with it: nobody who
//                            looks from outside can be quicker
//   lost_bench --run COMMAND...  what COMMAND takes, and peak_kib of memory; what it says goes to standard error

#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>
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
  BENCH_KEEP(all);  // or it would not be written before it is freed, and the next block there would have it
  free(all);
}

// What the heap was built with is not to lie in registers or on the stack.
static BENCH_NOINLINE void forget(void) {
  volatile char room[16384];
  for (size_t i = 0; i < sizeof room; ++i) room[i] = 0;
}

// ---- Very much of something

enum { kPage = 4096 };

static void* a_block(void) {
  void* block = malloc(40);
  BENCH_KEEP(block);
  return block;
}

static pthread_barrier_t g_all_there;
static void* wait_with_block(void* unused) {
  void* volatile held = a_block();
  (void)unused;
  pthread_barrier_wait(&g_all_there);
  for (;;) pause();
  return held;
}

static void make_threads(long count) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  pthread_barrier_init(&g_all_there, NULL, (unsigned)count + 1);
  for (long i = 0; i < count; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, &attributes, wait_with_block, NULL) != 0) die("no more threads");
  }
  if (count > 0) pthread_barrier_wait(&g_all_there);
}

static char* map(size_t bytes, int protection) {
  char* const at = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) die("no more mappings");
  return at;
}

// Every second page of a mapping is turned into one of its own.
static void make_mappings(long count) {
  if (count == 0) return;
  char* const all = map((size_t)count * kPage, PROT_READ | PROT_WRITE);
  for (long i = 0; i < count; ++i) {
    char* const page = all + i * kPage;
    *(void**)page = a_block();
    if (i % 2 != 0 && mprotect(page, kPage, PROT_READ) != 0) die("no more mappings");
  }
}

static void make_sparse(long gib) {
  const size_t bytes = (size_t)gib << 30, step = 64 << 20;
  char* const all = gib == 0 ? NULL : map(bytes, PROT_READ | PROT_WRITE);
  for (size_t at = step / 2; at < bytes; at += step) *(void**)(all + at) = a_block();
}

void** g_large;
static BENCH_NOINLINE void make_large(long count, size_t bytes) {
  if (count == 0) return;
  g_large = calloc((size_t)count, sizeof *g_large);
  for (long i = 0; i < count; ++i) {
    g_large[i] = malloc(bytes);
    if (g_large[i] == NULL) die("no more large blocks");
    *(void**)g_large[i] = a_block();
  }
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
  make_threads(option(argc, argv, "--threads", 0));
  make_mappings(option(argc, argv, "--mappings", 0));
  make_sparse(option(argc, argv, "--sparse", 0));
  make_large(option(argc, argv, "--large", 0), (size_t)option(argc, argv, "--large-mib", 1024) << 20);
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

static int run(char** command) {
  const double wall = clock_ns(CLOCK_MONOTONIC);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(2, 1);
    execvp(command[0], command);
    die("cannot run it");
  }
  struct rusage usage;
  int status = 0;
  wait4(pid, &status, 0, &usage);
  printf("cpu_ns %.0f\nwall_ns %.0f\npeak_kib %ld\n", seconds_ns(usage.ru_utime) + seconds_ns(usage.ru_stime),
         clock_ns(CLOCK_MONOTONIC) - wall, usage.ru_maxrss);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char** argv) {
  if (argc > 2 && strcmp(argv[1], "--run") == 0) return run(argv + 2);
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
