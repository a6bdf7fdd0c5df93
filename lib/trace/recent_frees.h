/* SPDX-License-Identifier: BSL-1.0
 *
 * Blocks that were freed last, and are kept from the libc: until it has them, a second free is one for certain. Under
 * the lock of the table.
 */
#pragma once

#include "live_table.h"
#include "system.h"

struct kept_block { /* freed, and not yet libc's */
  void *address;
  size_t size;
  uintptr_t caller, freed_by;
};

enum { kKept = 256, kKeptBlock = 1 << 16, kKeptBytes = 1 << 20 };
static struct kept_block kept[kKept];
static unsigned next_kept;
static size_t kept_bytes;

static const struct kept_block *find_kept(const void *address) {
  size_t i;
  for (i = 0; i < kKept; ++i) {
    if (kept[i].address == address) return &kept[i];
  }
  return NULL;
}

/* Returns what the libc gets in its place. */
static void *keep(const struct block *block, uintptr_t freed_by) {
  void *given_up;
  if (block->size > kKeptBlock) return block->address;
  while (kept_bytes + block->size > kKeptBytes) { /* the oldest first */
    struct kept_block *oldest = &kept[next_kept];
    if (oldest->address != NULL) {
      kept_bytes -= oldest->size;
      libc_free(oldest->address);
      oldest->address = NULL;
    }
    next_kept = (next_kept + 1) % kKept;
  }
  given_up = kept[next_kept].address;
  if (given_up != NULL) kept_bytes -= kept[next_kept].size;
  kept[next_kept].address = block->address;
  kept[next_kept].size = block->size;
  kept[next_kept].caller = block->caller;
  kept[next_kept].freed_by = freed_by;
  kept_bytes += block->size;
  next_kept = (next_kept + 1) % kKept;
  return given_up;
}
