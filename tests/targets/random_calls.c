// SPDX-License-Identifier: BSL-1.0
//
// random_calls CALLS SEED: that many random calls of each entry point, on blocks that all of them share, with sizes and
// alignments from the usual to the absurd. Prints, for each entry point, a digest of what every call gave: null or not,
// errno, alignment, usable size, content. A test compares it with that of the same program without leakdir.
//
// Usable sizes follow from the calls before, and from where the heap lies modulo a page. So the digests are those of a
// thread, whose heap is its own from the first call on. The main heap, of libc's start too, has a turn without them.

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "expect.h"

enum { kPlanted = 4711, kSlots = 1024, kEnds = 64, kPage = 4096 };

struct Slot {
  unsigned char* block;
  size_t size;     // as it was asked for
  int is_unusual;  // aligned to more than a page
};
static struct Slot slots[kSlots];
static uint64_t state;

static uint32_t next_random(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}

// ---- What a call gave ----

struct Digest {
  unsigned long nulls, errors;
  uint64_t hash;
};
static struct Digest digest;
static int heap_is_own;

static void note(uint64_t value) { digest.hash = (digest.hash ^ value) * 0x100000001b3u; }

// The alignment that the block was asked to have; the address itself is nobody's business.
static void note_result(void* block, size_t size, size_t alignment) {
  const int error = errno;
  digest.nulls += block == NULL;
  digest.errors += error != kPlanted;
  note((uint64_t)error << 1 | (block != NULL));
  if (block == NULL) return;
  MUST((uintptr_t)block % alignment == 0);
  errno = kPlanted;
  const size_t usable = malloc_usable_size(block);
  MUST(errno == kPlanted && usable >= size);
  if (heap_is_own && alignment <= kPage) note(usable);
}

// ---- Content: each block has a pattern at both ends ----

static unsigned char pattern(size_t size, size_t i) { return (unsigned char)(size * 31 + i * 7 + 1); }

static void write_pattern(const struct Slot* slot) {
  for (size_t i = 0; i < kEnds && i < slot->size; ++i) {
    slot->block[i] = pattern(slot->size, i);
    slot->block[slot->size - 1 - i] = pattern(slot->size, slot->size - 1 - i);
  }
}

static void check_pattern(const unsigned char* block, size_t of_size, size_t until) {
  for (size_t i = 0; i < kEnds && i < until; ++i) MUST(block[i] == pattern(of_size, i));
  if (until == of_size) {
    for (size_t i = 0; i < kEnds && i < until; ++i) MUST(block[until - 1 - i] == pattern(of_size, until - 1 - i));
  }
}

static void check_zero(const unsigned char* block, size_t size) {
  const size_t step = size < 5000 ? 1 : 61;
  for (size_t i = 0; i < size; i += step) MUST(block[i] == 0);
}

static void keep(struct Slot* slot, void* block, size_t size) {
  slot->block = block;
  slot->size = block == NULL ? 0 : size;
  slot->is_unusual = 0;
  write_pattern(slot);
}

// ---- Arguments ----

// What lies between a megabyte and what no machine has is left out: glibc takes it from one heap or another, as memory
// happens to be.
static const size_t kAbsurd[] = {SIZE_MAX,         SIZE_MAX - 1,        SIZE_MAX - 4095, SIZE_MAX / 2,
                                 SIZE_MAX / 2 + 1, SIZE_MAX / 2 - 4096, SIZE_MAX / 3,    (size_t)1 << 48};

static size_t any_absurd(void) { return kAbsurd[next_random() % (sizeof kAbsurd / sizeof *kAbsurd)]; }

static size_t any_size(void) {
  const uint32_t kind = next_random() % 1000;
  if (kind < 20) return 0;
  if (kind < 600) return next_random() % 200;
  if (kind < 940) return next_random() % 2000;
  if (kind < 988) return next_random() % 20000;
  if (kind < 990) return next_random() % 400000;  // some have a mapping of their own
  return any_absurd();
}

static size_t any_count(size_t size) {
  const uint32_t kind = next_random() % 100;
  if (kind < 2) return any_absurd();
  return size < 20000 ? next_random() % 20 : next_random() % 3;
}

static size_t any_alignment(void) {
  const uint32_t kind = next_random() % 100;
  if (kind < 92) return (size_t)1 << next_random() % 13;
  if (kind < 94) return (size_t)1 << next_random() % 17;
  if (kind < 98) return next_random() % 100;
  return any_absurd();
}

// Where it is no power of two, memalign takes the next one, and the others refuse.
static size_t promised(size_t alignment) {
  return alignment != 0 && (alignment & (alignment - 1)) == 0 && alignment > 16 ? alignment : 16;
}

static size_t product(size_t a, size_t b) {
  size_t result;
  return __builtin_mul_overflow(a, b, &result) ? 0 : result;
}

// ---- The calls ----

static struct Slot* any_slot(void) { return &slots[next_random() % kSlots]; }

static void release(struct Slot* slot) {
  check_pattern(slot->block, slot->size, slot->size);
  errno = kPlanted;
  free(slot->block);
  note((uint64_t)errno);
  MUST(errno == kPlanted);
  *slot = (struct Slot){0};
}

static struct Slot* empty_slot(void) {
  struct Slot* slot = any_slot();
  if (slot->block != NULL) release(slot);
  errno = kPlanted;
  return slot;
}

static void filled(struct Slot* slot, void* block, size_t size, size_t alignment) {
  note_result(block, size, alignment);
  keep(slot, hidden(block), size);
  slot->is_unusual = alignment > kPage;
}

static void call_malloc(void) {
  const size_t size = any_size();
  struct Slot* slot = empty_slot();
  filled(slot, malloc(size), size, 16);
}

static void call_calloc(void) {
  const size_t size = any_size(), count = any_count(size);
  struct Slot* slot = empty_slot();
  unsigned char* block = hidden(calloc(count, size));
  note_result(block, product(count, size), 16);
  if (block != NULL) check_zero(block, count * size);
  keep(slot, block, product(count, size));
}

static void resized(struct Slot* slot, unsigned char* block, size_t size) {
  const struct Slot old = *slot;
  note_result(block, size, 16);
  if (block != NULL) {
    check_pattern(block, old.size, old.size < size ? old.size : size);
    keep(slot, block, size);
  } else if (size == 0 && errno == kPlanted) {
    *slot = (struct Slot){0};  // that was a free
  } else {
    check_pattern(old.block, old.size, old.size);
  }
}

static void call_realloc(void) {
  const size_t size = any_size();
  struct Slot* slot = any_slot();
  errno = kPlanted;
  resized(slot, hidden(realloc(slot->block, size)), size);
}

static void call_reallocarray(void) {
  const size_t size = any_size(), count = any_count(size);
  struct Slot* slot = any_slot();
  errno = kPlanted;
  resized(slot, hidden(reallocarray(slot->block, count, size)), product(count, size));
}

static void call_free(void) {
  struct Slot* slot = any_slot();
  if (slot->block == NULL) {
    const size_t size = any_size();
    keep(slot, hidden(malloc(size)), size);
  }
  release(slot);  // now and then it is null: malloc could not
}

static void call_aligned_alloc(void) {
  const size_t alignment = any_alignment(), size = any_size();
  struct Slot* slot = empty_slot();
  filled(slot, aligned_alloc(alignment, size), size, promised(alignment));
}

static void call_memalign(void) {
  const size_t alignment = any_alignment(), size = any_size();
  struct Slot* slot = empty_slot();
  filled(slot, memalign(alignment, size), size, promised(alignment));
}

static void call_posix_memalign(void) {
  const size_t alignment = any_alignment(), size = any_size();
  struct Slot* slot = empty_slot();
  void* block = slots;
  const int result = posix_memalign(&block, alignment, size);
  note((uint64_t)result);
  note(block == slots);  // untouched
  if (result != 0) block = NULL;
  filled(slot, block, size, promised(alignment));
}

static void call_valloc(void) {
  const size_t size = any_size();
  struct Slot* slot = empty_slot();
  filled(slot, valloc(size), size, 4096);
}

static void call_pvalloc(void) {
  const size_t size = any_size();
  struct Slot* slot = empty_slot();
  filled(slot, pvalloc(size), size, 4096);
}

static void call_malloc_usable_size(void) {
  struct Slot* slot = any_slot();
  if (next_random() % 8 == 0) {
    const size_t size = any_size();
    if (slot->block != NULL) release(slot);
    keep(slot, hidden(malloc(size)), size);
  }
  errno = kPlanted;
  const size_t usable = malloc_usable_size(slot->block);
  note((uint64_t)errno);
  if (heap_is_own && !slot->is_unusual) note(usable);
  MUST(usable >= slot->size);
}

#define ENTRY(name) \
  { #name, call_##name }
static const struct {
  const char* name;
  void (*call)(void);
} kEntries[] = {ENTRY(malloc),         ENTRY(calloc),        ENTRY(realloc),           ENTRY(reallocarray),
                ENTRY(free),           ENTRY(aligned_alloc), ENTRY(memalign),          ENTRY(valloc),
                ENTRY(posix_memalign), ENTRY(pvalloc),       ENTRY(malloc_usable_size)};

static void call_all(long calls) {
  for (size_t entry = 0; entry < sizeof kEntries / sizeof *kEntries; ++entry) {
    char text[200];
    digest = (struct Digest){0, 0, 0xcbf29ce484222325u};
    for (long i = 0; i < calls; ++i) kEntries[entry].call();
    snprintf(text, sizeof text, "%s: calls=%ld nulls=%lu errors=%lu digest=%016llx\n", kEntries[entry].name, calls,
             digest.nulls, digest.errors, (unsigned long long)digest.hash);
    say(text);
  }
  for (int i = 0; i < kSlots; ++i) {
    if (slots[i].block != NULL) release(&slots[i]);
  }
}

static void* call_all_in_own_heap(void* calls) {
  heap_is_own = 1;
  call_all(*(long*)calls);
  return NULL;
}

int main(int argc, char** argv) {
  MUST(argc == 3);
  long calls = atol(argv[1]);
  state = strtoul(argv[2], NULL, 10);
  call_all(calls / 10);
  // From which sizes on blocks have mappings of their own, and free memory is given back, moves with the mappings that
  // the main heap had, and holds for all heaps.
  MUST(mallopt(M_MMAP_THRESHOLD, 128 * 1024) == 1 && mallopt(M_TRIM_THRESHOLD, 128 * 1024) == 1);
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, call_all_in_own_heap, &calls) == 0);
  MUST(pthread_join(thread, NULL) == 0);
  return 0;
}
