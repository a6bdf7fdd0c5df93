// SPDX-License-Identifier: BSL-1.0
//
// soak FILE: threads that allocate and free for ever, threads that come and go, forks, children that exec. Acknowledges
// each step in FILE, and holds or ends when the test wishes so (see soak_board.h).

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "expect.h"
#include "soak_board.h"

enum { kStepsOfAVisitor = 40 };

static struct SoakBoard* board;
static struct SoakSlot inherited[kSoakSlots];  // a row as it was at the fork
static pthread_rwlock_t work_goes_on = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static uint64_t load(const uint64_t* word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static void store(uint64_t* word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }
static void count(uint64_t* word) { __atomic_fetch_add(word, 1, __ATOMIC_RELAXED); }

static void pause_us(long us) {
  const struct timespec time = {0, us * 1000};
  nanosleep(&time, NULL);
}

static uint32_t next_random(uint32_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static void* get(void* old, size_t size, uint32_t random) {
  void* block = NULL;
  if (old != NULL) return realloc(old, size);
  switch (random >> 16 & 3) {
    case 0:
      return calloc(1, size);
    case 1:
      return posix_memalign(&block, 64, size) == 0 ? block : NULL;
    default:
      return malloc(size);
  }
}

static NOINLINE void fill(struct SoakSlot* slot, void* old, uint32_t random) {
  const size_t size = 1 + random % 1999;
  const uint64_t before = load(&board->phase);
  void* block = get(old, size, random);
  MUST(block != NULL);
  slot->phase = before == load(&board->phase) ? before % 4 : kSoakUnsure;
  slot->size = size;
  store(&slot->address, (uint64_t)(uintptr_t)block);
}

static NOINLINE void step(struct SoakSlot* slot, uint32_t random) {
  void* block = (void*)(uintptr_t)slot->address;
  count(&board->operations);
  if (block == NULL) return fill(slot, NULL, random);
  store(&slot->address, 0);
  if ((random & 3u << 20) == 0) return fill(slot, block, random);
  free(block);
}

// A stack of some depth, of a few hundred kinds.
static NOINLINE void step_from(struct SoakSlot* slot, uint32_t random, unsigned depth) {
  if (depth == 0) {
    step(slot, random);
  } else if (random >> depth & 1) {
    step_from(slot, random, depth - 1);
  } else {
    step_from(slot, random, depth - 1);
    __asm__ volatile("");
  }
  __asm__ volatile("");
}

static void work_on(size_t row, uint32_t* state, int steps) {
  for (int i = 0; i < steps; ++i) {
    struct SoakSlot* slot = &board->slots[row][next_random(state) % kSoakSlots];
    step_from(slot, next_random(state), 6);
  }
}

static void* work(void* argument) {
  const size_t row = (size_t)argument;
  uint32_t state = (uint32_t)row * 7919 + 12345;
  for (;;) {
    pthread_rwlock_rdlock(&work_goes_on);
    work_on(row, &state, 100);
    pthread_rwlock_unlock(&work_goes_on);
    pause_us(200);
  }
  return NULL;
}

static void* visit(void* state) {
  work_on(kSoakWorkers, state, kStepsOfAVisitor);
  count(&board->threads);
  return NULL;
}

static void* receive_visitors(void* argument) {
  uint32_t state = 99;
  for (;;) {
    pthread_t visitor;
    pthread_rwlock_rdlock(&work_goes_on);
    if (pthread_create(&visitor, NULL, visit, &state) != 0 || pthread_join(visitor, NULL) != 0) count(&board->failures);
    pthread_rwlock_unlock(&work_goes_on);
    pause_us(2000);
  }
  return argument;
}

static NOINLINE void child_leaks(void) { sink = malloc(kSoakSizeOfChild); }

static void live_as_child(uint32_t random) {
  static char* const kTrue[] = {"/bin/true", NULL};
  alarm(60);  // a deadlock ends by SIGALRM, and the parent counts a failure
  if (random % 4 == 0) {
    execv(kTrue[0], kTrue);
    _exit(1);
  }
  child_leaks();
  for (size_t i = 0; i < kSoakSlots; ++i) free((void*)(uintptr_t)inherited[i].address);
  for (size_t i = 1; i < 100; ++i) free(hidden(malloc(i)));
  if (random % 4 == 1) {
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      child_leaks();
      _exit(0);
    }
    int status = -1;
    if (waitpid(grandchild, &status, 0) != grandchild || status != 0) _exit(1);
  }
  random % 4 == 2 ? _exit(0) : exit(0);
}

static void note_child(pid_t pid, uint64_t phase) {
  board->children[board->child_count % kSoakChildren] = (struct SoakChild){(uint64_t)pid, phase};
  __atomic_fetch_add(&board->child_count, 1, __ATOMIC_SEQ_CST);
}

static void* make_children(void* argument) {
  uint32_t state = 4711;
  for (;;) {
    const uint32_t random = next_random(&state);
    pthread_rwlock_wrlock(&work_goes_on);
    memcpy(inherited, board->slots[0], sizeof inherited);
    const uint64_t before = load(&board->phase);
    const pid_t child = fork();
    if (child == 0) live_as_child(random);
    pthread_rwlock_unlock(&work_goes_on);
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
      board->failed_status = (uint64_t)status;
      count(&board->failures);
    }
    count(&board->forks);
    if (random % 4 != 0) note_child(child, before == load(&board->phase) ? before % 4 : kSoakUnsure);
    pause_us(20000);
  }
  return argument;
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  const int fd = open(argv[1], O_RDWR);
  board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  MUST(board != MAP_FAILED);
  close(fd);
  pthread_t thread;
  for (size_t i = 0; i < kSoakWorkers; ++i) MUST(pthread_create(&thread, NULL, work, (void*)i) == 0);
  MUST(pthread_create(&thread, NULL, receive_visitors, NULL) == 0);
  MUST(pthread_create(&thread, NULL, make_children, NULL) == 0);
  for (uint64_t wish; (wish = load(&board->wish)) != kSoakExit; pause_us(500)) {
    if (wish != kSoakHold) continue;
    pthread_rwlock_wrlock(&work_goes_on);
    store(&board->is_held, 1);
    while (load(&board->wish) == kSoakHold) pause_us(500);
    store(&board->is_held, 0);
    pthread_rwlock_unlock(&work_goes_on);
  }
  pthread_rwlock_wrlock(&work_goes_on);  // what the board says now is what is live at exit
  exit(0);
}
