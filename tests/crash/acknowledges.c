// SPDX-License-Identifier: BSL-1.0
//
// acknowledges BOARD THREADS CALLS [marked|hog]: allocates, resizes and frees, in threads, CALLS times each (0: for
// ever), and keeps the truth about it in the file BOARD. `marked`: a breakpoint after some calls, for a tracer. `hog`:
// takes memory until it is killed.

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../targets/expect.h"
#include "board.h"

static struct Board* board;
static uint64_t calls;

static uint32_t next_random(uint32_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static void store(uint64_t* word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_SEQ_CST); }

static void begin_call(struct BoardThread* self, enum BoardCall call, uint64_t slot, uint64_t size) {
  self->slot = slot;
  self->size = size;
  self->old_address = board->slots[slot].address;
  self->old_size = board->slots[slot].size;
  store(&self->call, call);
}

static void end_call(struct BoardThread* self, void* block, uint64_t size) {
  struct BoardSlot* slot = &board->slots[self->slot];
  slot->size = size;
  store(&slot->address, (uint64_t)(uintptr_t)block);
  store(&self->call, kInNoCall);
  store(&self->calls, self->calls + 1);
}

static NOINLINE void step(struct BoardThread* self, uint64_t index, uint32_t random) {
  void* block = (void*)(uintptr_t)board->slots[index].address;
  const uint64_t size = board_size(random >> 8);
  if (block == NULL) {
    begin_call(self, kMakes, index, size);
    end_call(self, random & 1 ? malloc(size) : calloc(1, size), size);
  } else if (random % 4 == 0) {
    begin_call(self, kResizes, index, size);
    end_call(self, realloc(block, size), size);
  } else {
    begin_call(self, kFrees, index, 0);
    free(block);
    end_call(self, NULL, 0);
  }
}

static void work_for(size_t number, uint64_t most) {
  uint32_t state = (uint32_t)number * 77 + 12345;
  for (uint64_t done = 0; most == 0 || done < most;) {
    const uint64_t index = next_random(&state) % kBoardSlots;
    if (__atomic_exchange_n(&board->slots[index].taken, 1, __ATOMIC_ACQUIRE) != 0) continue;
    step(&board->threads[number], index, next_random(&state));
    __atomic_store_n(&board->slots[index].taken, 0, __ATOMIC_RELEASE);
    ++done;
  }
}

static void* work(void* number) {
  work_for((size_t)number, calls);
  return NULL;
}

static void hog(void) {
  for (;;) {
    void* block = hidden(malloc(kHogSize));
    MUST(block != NULL);
    memset(block, 1, kHogSize);
    store(&board->hogged, board->hogged + 1);
  }
}

int main(int argc, char** argv) {
  MUST(argc >= 4);
  const int fd = open(argv[1], O_RDWR);
  board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  MUST(board != MAP_FAILED);
  close(fd);
  const size_t threads = (size_t)atoi(argv[2]);
  MUST(threads >= 1 && threads <= kBoardThreads);
  calls = (uint64_t)atoll(argv[3]);
  const char* how = argc > 4 ? argv[4] : "";
  store(&board->started, 1);
#if defined(__x86_64__)
  if (strcmp(how, "marked") == 0) {
    work_for(0, 300);  // the first calls take long
    __asm__ volatile("int3");
  }
#endif
  if (strcmp(how, "hog") == 0) hog();
  pthread_t started[kBoardThreads];
  for (size_t i = 1; i < threads; ++i) MUST(pthread_create(&started[i], NULL, work, (void*)i) == 0);
  work((void*)0);
  for (size_t i = 1; i < threads; ++i) pthread_join(started[i], NULL);
  store(&board->ended, 1);
  return 0;
}
