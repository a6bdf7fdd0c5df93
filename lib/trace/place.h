/* SPDX-License-Identifier: BSL-1.0
 *
 * Where the next allocation stands: the last that was said, and the one before, as an argument of a call may be an
 * allocation itself. As in the object (lib/track/tracker.cc).
 */
#pragma once

#include "system.h"

/* By the numbers of leakdir/trace.h. */
enum { kMalloc, kCalloc, kRealloc, kReallocarray, kAlignedAlloc, kMemalign, kPosixMemalign, kValloc, kPvalloc };
static const char *const call_names[] = {"malloc",   "calloc",         "realloc", "reallocarray", "aligned_alloc",
                                         "memalign", "posix_memalign", "valloc",  "pvalloc"};

struct place {
  const char *file; /* NULL: none */
  int line, call;
  size_t factor;
  uintptr_t frame;
};

static __thread struct place places[2];

static int is_meant(const struct place *said, size_t size, int call, uintptr_t frame) {
  /* A compiler makes malloc of realloc(NULL, n), and calloc of malloc and memset. */
  const int is_kind = said->call == call || (said->call <= kReallocarray && call <= kReallocarray);
  if (said->file == NULL || !is_kind) return 0;
  return (said->factor == 0 || size % said->factor == 0) && frame <= said->frame + 128;
}

static struct place take_place(size_t size, int call, uintptr_t frame) {
  struct place *const meant = is_meant(&places[0], size, call, frame) ? &places[0] : &places[1];
  struct place result = {NULL, 0, 0, 0, 0};
  if (!is_meant(meant, size, call, frame)) return result;
  result = *meant;
  if (meant == &places[0]) places[0] = places[1];
  places[1].file = NULL;
  return result;
}
