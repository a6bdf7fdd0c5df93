// SPDX-License-Identifier: BSL-1.0
//
// exchange THREADS OPERATIONS: threads that put blocks into shared slots and free what they find there, so that most
// blocks die in another thread. Prints `live ADDRESS SIZE` for those that remain, kept in the slots.

#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "expect.h"

enum { kSlots = 61 };

struct Block {
  size_t size;
  char rest[];
};
static struct Block* slots[kSlots];
static long operations;

static uint32_t next_random(uint32_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static struct Block* make(uint32_t random) {
  size_t size = sizeof(struct Block) + random % 301;
  struct Block* block = NULL;
  switch (random >> 16 & 7) {
    case 0:
      block = calloc(1, size);
      break;
    case 1:
      block = memalign(32, size);
      break;
    case 2:
      if (posix_memalign((void**)&block, 64, size) != 0) block = NULL;
      break;
    case 3:
      size += 900;
      block = realloc(malloc(size / 2), size);
      break;
    case 4:
      size = sizeof(struct Block) + random % 17;
      block = realloc(malloc(500), size);
      break;
    default:
      block = malloc(size);
  }
  MUST(block != NULL);
  block->size = size;
  return block;
}

static void* work(void* argument) {
  uint32_t state = (uint32_t)(uintptr_t)argument * 2654435761u + 1;
  for (long i = 0; i < operations; ++i) {
    const uint32_t random = next_random(&state);
    free(__atomic_exchange_n(&slots[random % kSlots], make(random), __ATOMIC_ACQ_REL));
  }
  return NULL;
}

int main(int argc, char** argv) {
  MUST(argc == 3);
  const int thread_count = atoi(argv[1]);
  operations = atol(argv[2]);
  pthread_t threads[64];
  for (long i = 0; i < thread_count; ++i) MUST(pthread_create(&threads[i], NULL, work, (void*)(i + 1)) == 0);
  for (int i = 0; i < thread_count; ++i) pthread_join(threads[i], NULL);
  for (int i = 0; i < kSlots; ++i) {
    char text[100];
    if (slots[i] == NULL) continue;
    snprintf(text, sizeof text, "live %p %zu\n", (void*)slots[i], slots[i]->size);
    say(text);
  }
  return 0;
}
