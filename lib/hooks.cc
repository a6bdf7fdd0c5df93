// SPDX-License-Identifier: BSL-1.0
//
// The malloc family: forward to glibc, then tell the tracker. Nothing else. Compare with malloc(3), posix_memalign(3),
// malloc_usable_size(3): results, errno, alignment and size-0 behaviour are glibc's own.
//
// A block is told to the tracker after glibc has handed it out and before it is handed back: its address may be another
// thread's right after. Compiled with -fno-builtin, or malloc followed by memset would become a call of calloc, our
// own.

#include <errno.h>
#include <features.h>

#include "glibc.hh"
#include "tracker.hh"

using leakdir::Caller;
using leakdir::is_recording;
using leakdir::is_watching;
using leakdir::ledger::Call;
namespace glibc = leakdir::glibc;

namespace {

inline void* told(void* block, std::size_t size, Call call, Caller caller) {
  if (is_recording() && LEAKDIR_LIKELY(block != nullptr)) leakdir::block_allocated(block, size, call, caller);
  return block;
}

inline void release(void* block, Caller caller) {
  // glibc will want it, and has to wait less when it is fetched while we look.
  __builtin_prefetch(static_cast<const char*>(block) - sizeof(std::size_t), 1);
  if (is_watching() && LEAKDIR_LIKELY(block != nullptr) && LEAKDIR_UNLIKELY(!leakdir::block_freed(block, caller)))
    return;
  glibc::free(block);
}

void* resize(void* block, std::size_t size, Call call, Caller caller) {
  if (!is_watching()) return glibc::realloc(block, size);
  if (block == nullptr) return told(glibc::realloc(nullptr, size), size, call, caller);
  const leakdir::SetAside old = leakdir::begin_resize(block, caller);
  if (LEAKDIR_UNLIKELY(old.bad)) {
    errno = ENOMEM;
    return nullptr;
  }
  void* const resized = glibc::realloc(block, size);
  if (LEAKDIR_UNLIKELY(resized == nullptr && size != 0)) {
    leakdir::undo_resize(old);
  } else {
    leakdir::finish_resize(old, resized, size, call, caller);
  }
  return resized;
}

}  // namespace

LEAKDIR_EXPORT void* malloc(std::size_t size) { return told(glibc::malloc(size), size, Call::kMalloc, LEAKDIR_CALLER); }

LEAKDIR_EXPORT void free(void* block) { release(block, LEAKDIR_CALLER); }

#if defined(__GLIBC_PREREQ) && __GLIBC_PREREQ(2, 43)
// C23. The sizes are hints that glibc may check; we do not need them.
LEAKDIR_EXPORT void free_sized(void* block, std::size_t) { release(block, LEAKDIR_CALLER); }

LEAKDIR_EXPORT void free_aligned_sized(void* block, std::size_t, std::size_t) { release(block, LEAKDIR_CALLER); }
#endif

LEAKDIR_EXPORT void* calloc(std::size_t count, std::size_t size) {
  return told(glibc::calloc(count, size), count * size, Call::kCalloc, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT void* realloc(void* block, std::size_t size) {
  return resize(block, size, Call::kRealloc, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT void* reallocarray(void* block, std::size_t count, std::size_t size) {
  std::size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return resize(block, bytes, Call::kReallocarray, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return told(glibc::aligned_alloc(alignment, size), size, Call::kAlignedAlloc, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT void* memalign(std::size_t alignment, std::size_t size) {
  return told(glibc::memalign(alignment, size), size, Call::kMemalign, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  const int error = glibc::posix_memalign(into, alignment, size);
  if (error == 0) told(*into, size, Call::kPosixMemalign, LEAKDIR_CALLER);
  return error;
}

LEAKDIR_EXPORT void* valloc(std::size_t size) { return told(glibc::valloc(size), size, Call::kValloc, LEAKDIR_CALLER); }

LEAKDIR_EXPORT void* pvalloc(std::size_t size) {
  return told(glibc::pvalloc(size), size, Call::kPvalloc, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT std::size_t malloc_usable_size(void* block) { return glibc::malloc_usable_size(block); }
