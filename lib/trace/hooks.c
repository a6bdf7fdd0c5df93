/* SPDX-License-Identifier: BSL-1.0
 *
 * The malloc family, as leakdir/trace.h names it.
 */

#include "blocks.h"
#include "from.h"
#include "place.h"
#include "system.h"

HOOK void leakdir_trace_free(void *address) { release(address, FROM); }

HOOK void *leakdir_trace_malloc(size_t size) { return get(kMalloc, 0, size, FROM); }

HOOK void *leakdir_trace_calloc(size_t count, size_t size) { return get(kCalloc, count, size, FROM); }

HOOK void *leakdir_trace_realloc(void *address, size_t size) { return resize(address, size, kRealloc, FROM); }

HOOK void *leakdir_trace_reallocarray(void *address, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) {
    errno = ENOMEM;
    return NULL;
  }
  return resize(address, count * size, kReallocarray, FROM);
}

#ifndef __dietlibc__ /* it has none of these */

HOOK void *leakdir_trace_aligned_alloc(size_t alignment, size_t size) {
  return get(kAlignedAlloc, alignment, size, FROM);
}

HOOK void *leakdir_trace_memalign(size_t alignment, size_t size) { return get(kMemalign, alignment, size, FROM); }

HOOK void *leakdir_trace_valloc(size_t size) { return get(kValloc, 0, size, FROM); }

HOOK void *leakdir_trace_pvalloc(size_t size) { return get(kPvalloc, 0, size, FROM); }

HOOK int leakdir_trace_posix_memalign(void **into, size_t alignment, size_t size) {
  const int saved = errno;
  void *address;
  int error;
  errno = 0;
  address = get(kPosixMemalign, alignment, size, FROM);
  error = address == NULL ? errno : 0;
  errno = saved;
  if (error == 0) *into = address;
  return error;
}

#endif
