/* SPDX-License-Identifier: BSL-1.0
 *
 * What is certainly no block of the allocator, and what is done then.
 */
#pragma once

#include "directory.h"
#include "live_table.h"
#include "messages.h"
#include "options.h"
#include "recent_frees.h"
#include "records.h"
#include "system.h"

static unsigned long long bad_frees;

/* NULL: it may be one. Otherwise the kind, with what is known of it. Not malloc's alignment: inside a block, or
 * nobody's. Under the lock. */
static const char *judge(const void *address, int is_realloc, struct kept_block *about) {
  const struct kept_block *const freed = find_kept(address);
  const struct block *around;
  memset(about, 0, sizeof *about);
  if (freed != NULL) {
    *about = *freed;
    return is_realloc ? "realloc of a freed block" : "double free";
  }
  if ((uintptr_t)address % (2 * sizeof(void *)) == 0) return NULL;
  around = block_around(address);
  if (around == NULL)
    return is_realloc ? "realloc of a pointer that malloc never returned"
                      : "free of a pointer that malloc never returned";
  about->address = around->address;
  about->size = around->size;
  about->caller = around->caller;
  return is_realloc ? "realloc inside a block" : "free inside a block";
}

static void tell_bad_free(const void *address, const char *kind, const struct kept_block *about, uintptr_t caller) {
  enum { kToSay = 10 };
  write_bad_free_record(address, kind, about, caller);
  if (bad_frees < kToSay) {
    say("%s: 0x%lx, see %s/0x%lx%s", kind, (unsigned long)(uintptr_t)address, shown, (unsigned long)(uintptr_t)address,
        kBadFreeSuffix);
  }
  ++bad_frees;
  if (is_set_to(kOption_on_bad_free, "abort")) abort();
}
