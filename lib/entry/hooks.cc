// SPDX-License-Identifier: BSL-1.0
//
// The malloc family: forward to the allocator, then tell the tracker. Nothing else. Compare with malloc(3),
// posix_memalign(3), malloc_usable_size(3): results, errno, alignment and size-0 behaviour are the allocator's own.
//
// The caller is asked for when the allocator has answered: so nothing of it is kept over the call.
//
// Compiled with -fno-builtin, or malloc followed by memset would become a call of calloc, our own.

#include "hooks.hh"

#include <errno.h>
#include <features.h>

#include "ledger/usable_size.hh"
#include "system/allocator.hh"
#include "track/tracker.hh"

using leakdir::is_passed_over;
using leakdir::may_be_sampled;
using leakdir::Phase;
using leakdir::resize;
using leakdir::told;
using leakdir::ledger::Call;
namespace allocator = leakdir::allocator;

void* leakdir::resize(void* block, std::size_t size, Call call, Caller caller) {
  if (!is_watching()) return allocator::realloc(block, size);
  if (block == nullptr) return told(allocator::realloc(nullptr, size), size, call, caller);
  if (phase() == Phase::kSampling && !may_be_sampled(block)) {
    return told(allocator::realloc(block, size), size, call, caller);
  }
  const SetAside old = begin_resize(block, caller);
  if (LEAKDIR_UNLIKELY(old.bad)) {
    errno = ENOMEM;
    return nullptr;
  }
  void* const resized = allocator::realloc(block, size);
  if (LEAKDIR_LIKELY(resized != nullptr || size == 0)) return finish_resize(old, resized, size, call, caller);
  undo_resize(old);
  return nullptr;
}

// malloc, calloc and free ask for the phase, and jump: what they do in each is in functions of their own.
// LEAKDIR_CALLER makes a function have a frame, and those that tell nothing are to have none.
namespace {

template <typename Function>
using ForEachPhase = Function * [static_cast<unsigned>(Phase::kOff) + 1];

// Must be a jump: else the hook is its own caller. On ppc64 no call by a pointer is one (the caller has to get its TOC
// back), so there each function is called by its name.
template <const auto& functions, unsigned index = 0, typename... Arguments>
[[gnu::always_inline]] inline auto jump(unsigned phase, Arguments... arguments) {
#if defined(__powerpc64__)
  if constexpr (index < static_cast<unsigned>(Phase::kOff)) {
    if (phase != index) return jump<functions, index + 1>(phase, arguments...);
  }
  return functions[index](arguments...);
#else
  return functions[phase](arguments...);
#endif
}

template <const auto& functions, typename... Arguments>
[[gnu::always_inline]] inline auto of_phase(Arguments... arguments) {
  return jump<functions>(static_cast<unsigned>(leakdir::phase()), arguments...);
}

[[gnu::noinline]] void* malloc_and_tell(std::size_t size) {
  void* const block = allocator::malloc(size);
  return told(block, size, Call::kMalloc, LEAKDIR_CALLER);
}
void* malloc_only(std::size_t size) { return allocator::malloc(size); }
void* malloc_of_sample(std::size_t size) {
  return is_passed_over(size) ? allocator::malloc(size) : malloc_and_tell(size);
}
using Malloc = void*(std::size_t);
constexpr ForEachPhase<Malloc> mallocs = {malloc_and_tell, malloc_and_tell, malloc_and_tell, malloc_of_sample,
                                          malloc_and_tell, malloc_only,     malloc_only};

[[gnu::noinline]] void* calloc_and_tell(std::size_t count, std::size_t size) {
  void* const block = allocator::calloc(count, size);
  return told(block, count * size, Call::kCalloc, LEAKDIR_CALLER);
}
void* calloc_only(std::size_t count, std::size_t size) { return allocator::calloc(count, size); }
void* calloc_of_sample(std::size_t count, std::size_t size) {
  return is_passed_over(count * size) ? allocator::calloc(count, size) : calloc_and_tell(count, size);
}
using Calloc = void*(std::size_t, std::size_t);
constexpr ForEachPhase<Calloc> callocs = {calloc_and_tell, calloc_and_tell, calloc_and_tell, calloc_of_sample,
                                          calloc_and_tell, calloc_only,     calloc_only};

void free_recorded(void* block) {
  leakdir::fetch_header(block);
  if (LEAKDIR_LIKELY(block != nullptr)) leakdir::free_block(block, LEAKDIR_CALLER);
}
[[gnu::noinline]] void free_otherwise(void* block) {
  if (LEAKDIR_LIKELY(block != nullptr)) leakdir::free_block_otherwise(block, LEAKDIR_CALLER);
}
void free_of_sample(void* block) {
  LEAKDIR_LIKELY(!may_be_sampled(block)) || leakdir::is_unknown_to_sample(block) ? allocator::free(block)
                                                                                 : free_otherwise(block);
}
void free_only(void* block) { allocator::free(block); }
using Free = void(void*);
constexpr ForEachPhase<Free> frees = {free_otherwise, free_otherwise, free_otherwise, free_of_sample,
                                      free_recorded,  free_otherwise, free_only};

}  // namespace

LEAKDIR_EXPORT void* malloc(std::size_t size) { return of_phase<mallocs>(size); }

// The same under a name that no other definition can take (entry_object.cc).
extern "C" __attribute__((alias("malloc"), visibility("hidden"))) void* leakdir_hook_of_malloc(std::size_t) noexcept;

LEAKDIR_EXPORT void free(void* block) { of_phase<frees>(block); }

#if defined(LEAKDIR_LIBRARY) || (defined(__GLIBC_PREREQ) && __GLIBC_PREREQ(2, 43))
// C23. The sizes are hints that the allocator may check; we do not need them. An allocator that libleakdir.so lies upon
// may have them where libc has not.
LEAKDIR_EXPORT void free_sized(void* block, std::size_t) { leakdir::release(block, LEAKDIR_CALLER); }

LEAKDIR_EXPORT void free_aligned_sized(void* block, std::size_t, std::size_t) {
  leakdir::release(block, LEAKDIR_CALLER);
}
#endif

LEAKDIR_EXPORT void* calloc(std::size_t count, std::size_t size) { return of_phase<callocs>(count, size); }

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
  void* const block = allocator::aligned_alloc(alignment, size);
  return told(block, size, Call::kAlignedAlloc, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT void* memalign(std::size_t alignment, std::size_t size) {
  void* const block = allocator::memalign(alignment, size);
  return told(block, size, Call::kMemalign, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
  const int error = allocator::posix_memalign(into, alignment, size);
  if (error == 0) *into = told(*into, size, Call::kPosixMemalign, LEAKDIR_CALLER);
  return error;
}

LEAKDIR_EXPORT void* valloc(std::size_t size) {
  void* const block = allocator::valloc(size);
  return told(block, size, Call::kValloc, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT void* pvalloc(std::size_t size) {
  void* const block = allocator::pvalloc(size);
  return told(block, size, Call::kPvalloc, LEAKDIR_CALLER);
}

LEAKDIR_EXPORT std::size_t malloc_usable_size(void* block) {
  leakdir::usable_size_is_asked();
  return allocator::malloc_usable_size(block);
}
