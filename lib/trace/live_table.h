/* SPDX-License-Identifier: BSL-1.0
 *
 * The live blocks, by address. One lock, that is only tried: a signal handler or a forked child may find it taken for
 * good.
 */
#pragma once

#include "system.h"

struct block {
  struct block *next;
  void *address;
  size_t size;
  uintptr_t caller;
  int has_file;
};

enum { kBuckets = 1 << 14 };
static int lock_word;
static struct block *buckets[kBuckets];
static unsigned long long live_blocks, live_bytes, files, sequence;

static int take_lock(void) {
  int tries;
  for (tries = 0; tries < kTries; ++tries) {
    if (!__atomic_test_and_set(&lock_word, __ATOMIC_ACQUIRE)) return 1;
    sched_yield();
  }
  return 0;
}

static void give_lock(void) { __atomic_clear(&lock_word, __ATOMIC_RELEASE); }

static struct block **bucket_of(const void *address) {
  return &buckets[((uintptr_t)address >> 4 ^ (uintptr_t)address >> 18) % kBuckets];
}

/* NULL: it is not there. */
static struct block *take_out(const void *address) {
  struct block **at = bucket_of(address);
  struct block *block;
  while (*at != NULL && (*at)->address != address) at = &(*at)->next;
  block = *at;
  if (block == NULL) return NULL;
  *at = block->next;
  --live_blocks;
  live_bytes -= block->size;
  files -= (unsigned)block->has_file;
  return block;
}

/* Its address is not there. */
static void put_in(struct block *block) {
  struct block **const bucket = bucket_of(block->address);
  block->next = *bucket;
  *bucket = block;
  ++live_blocks;
  live_bytes += block->size;
  files += (unsigned)block->has_file;
}

/* The live block that the address lies in; NULL: in none. */
static const struct block *block_around(const void *address) {
  size_t i;
  for (i = 0; i < kBuckets; ++i) {
    const struct block *block;
    for (block = buckets[i]; block != NULL; block = block->next) {
      if ((uintptr_t)address - (uintptr_t)block->address < block->size) return block;
    }
  }
  return NULL;
}

/* In a child, whose one thread this is: what it inherited is its parent's. */
static void empty_table(void) {
  size_t i;
  give_lock();
  for (i = 0; i < kBuckets; ++i) {
    while (buckets[i] != NULL) {
      struct block *block = buckets[i];
      buckets[i] = block->next;
      libc_free(block);
    }
  }
  live_blocks = live_bytes = files = 0;
}
