/* SPDX-License-Identifier: BSL-1.0
 *
 * What it means that a block is allocated, resized and freed.
 */
#pragma once

#include "bad_free.h"
#include "from.h"
#include "lifecycle.h"
#include "live_table.h"
#include "object_beside.h"
#include "options.h"
#include "place.h"
#include "recent_frees.h"
#include "records.h"
#include "system.h"

static void *record(void *address, size_t size, int call, struct from from, int is_recording) {
  const int saved = errno;
  struct place place;
  struct block *block;
  unsigned long long number;
  if (address == NULL || !enter()) return address;
  place = take_place(size, call, from.frame);
  block = is_recording && size >= value_of(kOption_min_size) ? libc_malloc(sizeof *block) : NULL;
  if (block != NULL && take_lock()) {
    struct block made;
    libc_free(take_out(address)); /* it was a block, and the libc has handed it out again without our knowing */
    made.next = NULL;
    made.address = address;
    made.size = size;
    made.caller = from.caller;
    made.has_file = !is_set_to(kOption_write, "never") && files < value_of(kOption_max_files) && disk_has_room(files);
    *block = made;
    put_in(block);
    number = ++sequence;
    give_lock();
    if (made.has_file) {
      write_record(&made, call, number, &place);
    } else {
      say_if_disk_is_short();
    }
  } else {
    libc_free(block);
  }
  leave();
  errno = saved;
  return address;
}

static void *born(void *address, size_t size, int call, struct from from) {
  return record(address, size, call, from, !paused);
}

#ifndef __dietlibc__ /* which has no aligned blocks */
static void *get_aligned(size_t alignment, size_t size) {
  void *address = NULL;
  const int error = libc_posix_memalign(&address, alignment, size);
  if (error == 0) return address;
  errno = error;
  return NULL;
}

static void *get_pages(size_t size) {
  const size_t page = page_size();
  if (size <= SIZE_MAX - page + 1) return get_aligned(page, (size + page - 1) / page * page);
  errno = ENOMEM;
  return NULL;
}
#endif

/* `first`: the alignment, or the count of calloc. NULL with errno where there is none. */
static void *get(int call, size_t first, size_t size, struct from from) {
  if (object_beside() != NULL) return object_beside()->allocate(call, first, size, from.caller, from.frame);
  switch (call) {
    case kCalloc:
      return born(libc_calloc(first, size), first * size, call, from);
#ifndef __dietlibc__
    case kAlignedAlloc:
      return born(libc_aligned_alloc(first, size), size, call, from);
    case kMemalign:
      return born(libc_memalign(first, size), size, call, from);
    case kPosixMemalign:
      return born(get_aligned(first, size), size, call, from);
    case kValloc:
      return born(get_aligned(page_size(), size), size, call, from);
    case kPvalloc:
      return born(get_pages(size), size, call, from);
#endif
    default:
      return born(libc_malloc(size), size, call, from);
  }
}

/* False: the block is not in the table. Under the lock. */
static int died(void *address, struct block *was) {
  struct block *const block = take_out(address);
  if (block == NULL) return 0;
  *was = *block;
  if (was->has_file) remove_record(address);
  libc_free(block);
  return 1;
}

static void release(void *address, struct from from) {
  const int saved = errno;
  struct block was;
  struct kept_block about;
  const char *bad = NULL;
  void *to_free = address;
  if (address == NULL) return;
  if (object_beside() != NULL) {
    object_beside()->release(address, from.caller);
    return;
  }
  if (enter()) {
    if (take_lock()) {
      if (died(address, &was)) {
        to_free = keep(&was, from.caller);
      } else {
        bad = judge(address, 0, &about);
      }
      give_lock();
    }
    if (bad != NULL) tell_bad_free(address, bad, &about, from.caller);
    leave();
  }
  if (bad == NULL) libc_free(to_free);
  errno = saved;
}

static void *resize(void *address, size_t size, int call, struct from from) {
  struct block was;
  struct kept_block about;
  const char *bad = NULL;
  const int saved = errno;
  int known, was_known = 0;
  void *moved;
  if (object_beside() != NULL) return object_beside()->resize(address, size, call, from.caller, from.frame);
  known = address != NULL && enter();
  if (known) {
    if (take_lock()) {
      was_known = died(address, &was);
      if (!was_known) bad = judge(address, 1, &about);
      give_lock();
    }
    if (bad != NULL) tell_bad_free(address, bad, &about, from.caller);
    leave();
  }
  if (bad != NULL) {
    errno = ENOMEM;
    return NULL;
  }
  errno = saved;
  moved = libc_realloc(address, size);
  if (moved != NULL) return born(moved, size, call, from);
  from.caller = was_known ? was.caller : 0;
  if (was_known && size != 0) record(address, was.size, call, from, 1); /* it stays */
  return NULL;
}
