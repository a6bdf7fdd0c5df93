// SPDX-License-Identifier: BSL-1.0
//
// What the option `sample` is tried with.
//   sampled population ROUNDS   allocates the same blocks, of 8 bytes to 4 MiB, that often, every other time in a
//   thread
//                               of its own, and counts those that are recorded; then frees them all. Says for each size
//                               `population size=… blocks=… recorded=…`, sums over all rounds
//   sampled keep                the same once, without counting or freeing: `kept blocks=… bytes=…`
//   sampled ways CALLS [plain]  random calls of each way to allocate in four threads, which free each other's blocks.
//                               Each block has its content, its alignment and room for what was asked; all are freed.
//                               plain: without those that ask for an alignment, which other allocators have otherwise
//   sampled child               a child frees what its parent gave it, and allocates and frees until it is recorded
//   sampled twice               frees a block twice
//   sampled pauses              keeps a block in each of four stretches, of which two are not recorded: `expect …`

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "../../lib/include/leakdir/leakdir.h"
#include "expect.h"

// ---- population ----

static const struct {
  size_t size;
  int blocks;
} population[] = {{8, 20000},  {40, 8000},  {200, 3000},  {1000, 800}, {5000, 200},
                  {24000, 40}, {150000, 8}, {1000000, 2}, {4 << 20, 1}};
enum { kSizes = sizeof population / sizeof population[0], kMostBlocks = 40000 };
static void* made[kMostBlocks];
static unsigned long recorded[kSizes];

static void count_recorded(const struct leakdir_block* block, void* unused) {
  for (int i = 0; i < kSizes; ++i) recorded[i] += block->size == population[i].size;
  (void)unused;
}

// Sizes in turn, as often as there are of them.
static int make_all(void) {
  int left[kSizes], count = 0, before = -1;
  for (int i = 0; i < kSizes; ++i) left[i] = population[i].blocks;
  for (; before != count;) {
    before = count;
    for (int i = 0; i < kSizes; ++i) {
      if (left[i] == 0) continue;
      --left[i];
      made[count++] = hidden(malloc(population[i].size));
    }
  }
  return count;
}

static void* make_count_and_free(void* unused) {
  const unsigned long mark = leakdir_mark();
  const int count = make_all();
  leakdir_each_since(mark, count_recorded, NULL);
  for (int i = 0; i < count; ++i) free(made[i]);
  return unused;
}

static void count_population(int rounds) {
  for (int round = 0; round < rounds; ++round) {
    pthread_t thread;
    if (round % 2 == 0) {
      make_count_and_free(NULL);
    } else {
      MUST(pthread_create(&thread, NULL, make_count_and_free, NULL) == 0);
      pthread_join(thread, NULL);
    }
  }
  for (int i = 0; i < kSizes; ++i) {
    char text[100];
    snprintf(text, sizeof text, "population size=%zu blocks=%d recorded=%lu\n", population[i].size,
             population[i].blocks * rounds, recorded[i]);
    say(text);
  }
}

static void keep_population(void) {
  unsigned long bytes = 0;
  const int count = make_all();
  for (int i = 0; i < kSizes; ++i) bytes += population[i].size * (unsigned long)population[i].blocks;
  char text[100];
  snprintf(text, sizeof text, "kept blocks=%d bytes=%lu\n", count, bytes);
  say(text);
}

// ---- ways ----

enum { kThreads = 4, kSlots = 256, kPlanted = 4711 };
struct Slot {
  unsigned char* block;
  size_t size;
};
static struct Slot slots[kThreads][kSlots];
static pthread_barrier_t all_are_here;
static int calls, is_plain;
static volatile size_t huge = (size_t)-1;

static uint32_t next_random(uint64_t* state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*state >> 33);
}

static void fill(const struct Slot* slot) {
  for (size_t i = 0; i < slot->size; i = i < 32 ? i + 1 : i * 2) slot->block[i] = (unsigned char)(slot->size + i);
  if (slot->size != 0) slot->block[slot->size - 1] = (unsigned char)(2 * slot->size - 1);
}

// The first `bytes`, as fill() has left them.
static void must_be_filled(const struct Slot* slot, size_t bytes) {
  for (size_t i = 0; i < bytes; i = i < 32 ? i + 1 : i * 2) MUST(slot->block[i] == (unsigned char)(slot->size + i));
  if (bytes == slot->size && bytes != 0) MUST(slot->block[bytes - 1] == (unsigned char)(2 * slot->size - 1));
}

static void must_be_zero(const unsigned char* block, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) MUST(block[i] == 0);
}

static void* resized(struct Slot* slot, size_t size, int by_array) {
  must_be_filled(slot, slot->size);
  unsigned char* const block = by_array ? reallocarray(slot->block, 1, size) : realloc(slot->block, size);
  const struct Slot moved = {block, slot->size};
  if (block != NULL) must_be_filled(&moved, size < slot->size ? size : slot->size);
  return block;
}

static void allocate(struct Slot* slot, uint64_t* state) {
  const unsigned kind = next_random(state) % (is_plain ? 4 : 9);
  const size_t sizes[] = {next_random(state) % 64, next_random(state) % 2000, next_random(state) % 70000};
  const size_t size = sizes[next_random(state) % (kind == 1 ? 2 : 3)] + 1;
  const size_t alignment = (size_t)16 << next_random(state) % 10;
  size_t is_aligned_to = size < 16 ? 1 : 16;  // not glibc alone is tried
  void* block = NULL;
  errno = kPlanted;
  switch (kind) {
    case 0:
      block = malloc(size);
      break;
    case 1:
      block = calloc(1, size);
      must_be_zero(block, size);
      break;
    case 2:
      block = realloc(NULL, size);
      break;
    case 3:
      block = reallocarray(NULL, 1, size);
      break;
    case 4:
      block = aligned_alloc(alignment, size);
      is_aligned_to = alignment;
      break;
    case 5:
      block = memalign(alignment, size);
      is_aligned_to = alignment;
      break;
    case 6:
      block = valloc(size);
      is_aligned_to = 4096;
      break;
    case 7:
      block = pvalloc(size);
      is_aligned_to = 4096;
      break;
    default:
      MUST(posix_memalign(&block, alignment, size) == 0);
      is_aligned_to = alignment;
  }
  MUST(block != NULL && (uintptr_t)block % is_aligned_to == 0 && malloc_usable_size(block) >= size);
  MUST(errno == kPlanted);
  slot->block = block;
  slot->size = size;
  fill(slot);
}

static void call_one(struct Slot* slot, uint64_t* state) {
  if (slot->block == NULL) return allocate(slot, state);
  const size_t size = 1 + (next_random(state) % 2 == 0 ? slot->size * 3 / 2 % 100000 : next_random(state) % 3000);
  switch (next_random(state) % 4) {
    case 0:
    case 1:
      slot->block = resized(slot, size, next_random(state) % 2 == 0);
      MUST(slot->block != NULL && malloc_usable_size(slot->block) >= size);
      slot->size = size;
      fill(slot);
      return;
    case 2: {
      // One that fails leaves the block as it was.
      errno = kPlanted;
      void* const block = realloc(slot->block, PTRDIFF_MAX);
      MUST(block == NULL && (is_plain || errno == ENOMEM));
      MUST(hidden(malloc(huge - next_random(state))) == NULL);
      MUST(hidden(calloc(huge, next_random(state) + (size_t)2)) == NULL);
    }  // fallthrough
    default:
      must_be_filled(slot, slot->size);
      errno = kPlanted;
      free(slot->block);
      MUST(errno == kPlanted);
      slot->block = NULL;
  }
}

static void* call_all(void* argument) {
  const size_t own = (size_t)argument;
  uint64_t state = own + 1;
  for (int turn = 0; turn < kThreads; ++turn) {
    struct Slot* const mine = slots[(own + (size_t)turn) % kThreads];  // another thread's, the turn before
    for (int i = 0; i < calls / kThreads; ++i) call_one(&mine[next_random(&state) % kSlots], &state);
    pthread_barrier_wait(&all_are_here);
  }
  for (int i = 0; i < kSlots; ++i) free(slots[own][i].block);
  return NULL;
}

static void call_each_way(void) {
  pthread_t threads[kThreads];
  MUST(pthread_barrier_init(&all_are_here, NULL, kThreads) == 0);
  for (size_t i = 0; i < kThreads; ++i) MUST(pthread_create(&threads[i], NULL, call_all, (void*)i) == 0);
  for (size_t i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
}

// ---- The rest ----

static void have_child(void) {
  enum { kGiven = 3000 };
  static void* given[kGiven];
  for (int i = 0; i < kGiven; ++i) given[i] = hidden(malloc(1000 + (size_t)i));
  const pid_t child = fork();
  MUST(child >= 0);
  if (child == 0) {
    for (int i = 0; i < kGiven; i += 2) free(given[i]);
    for (int i = 0; i < 1000; ++i) free(hidden(malloc(3001)));
    for (int i = 1; i < kGiven; i += 2) free(given[i]);
    LEAK(malloc, 9999999, malloc(9999999));
    exit(0);
  }
  int status = -1;
  MUST(waitpid(child, &status, 0) == child && status == 0);
  for (int i = 0; i < kGiven; ++i) free(given[i]);
}

static NOINLINE void keep_unrecorded(size_t size) { sink = malloc(size); }

static void pause_twice(void) {
  LEAK(malloc, 7000001, malloc(7000001));
  leakdir_stop();
  void* const first = sink;
  keep_unrecorded(7000002);
  free(first);  // recorded, and gone all the same
  leakdir_start();
  LEAK(calloc, 7000003, calloc(1, 7000003));
  leakdir_stop();
  keep_unrecorded(7000004);
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "population") == 0 && argc > 2) {
    count_population(atoi(argv[2]));
  } else if (strcmp(what, "keep") == 0) {
    keep_population();
  } else if (strcmp(what, "ways") == 0 && argc > 2) {
    calls = atoi(argv[2]);
    is_plain = argc > 3;
    call_each_way();
  } else if (strcmp(what, "child") == 0) {
    have_child();
  } else if (strcmp(what, "twice") == 0) {
    void* volatile block = malloc(40);
    void* volatile same = block;
    free(block);
    free(same);
  } else if (strcmp(what, "pauses") == 0) {
    pause_twice();
  } else {
    return 2;
  }
  return 0;
}
