// SPDX-License-Identifier: BSL-1.0
//
// busy FILE: allocates and frees for ever, in threads, and acknowledges each step in FILE (see busy_board.h).

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "busy_board.h"
#include "expect.h"

static struct BusyBoard* board;

static uint32_t next_random(uint32_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static void acknowledge(struct BusySlot* slot, void* block, size_t size) {
  slot->size = size;
  __atomic_store_n(&slot->address, (uint64_t)(uintptr_t)block, __ATOMIC_SEQ_CST);
}

static void step(struct BusySlot* slot, uint32_t random) {
  const size_t size = 1 + random % 2999;
  void* block = (void*)(uintptr_t)slot->address;
  if (block == NULL) {
    block = random & 1u << 20 ? malloc(size) : calloc(1, size);
    acknowledge(slot, block, size);
    return;
  }
  __atomic_store_n(&slot->address, 0, __ATOMIC_SEQ_CST);
  if (random & 1u << 21) {
    free(block);
  } else {
    acknowledge(slot, realloc(block, size), size);
  }
}

static void* work(void* argument) {
  const size_t self = (size_t)argument;
  uint32_t state = (uint32_t)self + 12345;
  for (;;) {
    step(&board->slots[self][next_random(&state) % kSlotsOfThread], next_random(&state));
    __atomic_fetch_add(&board->operations[self], 1, __ATOMIC_SEQ_CST);
  }
  return NULL;
}

int main(int argc, char** argv) {
  MUST(argc == 2);
  const int fd = open(argv[1], O_RDWR);
  board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  MUST(board != MAP_FAILED);
  close(fd);
  for (size_t i = 1; i < kBusyThreads; ++i) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, work, (void*)i) == 0);
  }
  __atomic_store_n(&board->started, 1, __ATOMIC_SEQ_CST);
  work((void*)0);
}
