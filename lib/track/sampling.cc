// SPDX-License-Identifier: BSL-1.0
#include "sampling.hh"

#include <errno.h>
#include <sys/auxv.h>

#include "exponential.hh"
#include "ledger/clock.hh"
#include "ledger/ledger_file.hh"
#include "system/allocator.hh"
#include "system/messages.hh"
#include "system/probe_table.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

using ledger::Call;

std::uint32_t sample_bytes = 0;

constexpr std::size_t kPageBytes = 4096;

// Another one for each thread of each process, whatever memory and numbers it has inherited.
std::uint64_t new_seed() {
  std::uint64_t seed = now_ticks();
  const auto* of_exec = reinterpret_cast<const std::uint8_t*>(::getauxval(AT_RANDOM));
  for (unsigned i = 0; of_exec != nullptr && i < 16; ++i) seed = mix(seed ^ of_exec[i]);
  seed = mix(seed ^ static_cast<std::uint64_t>(sys::pid()) << 32 ^ static_cast<std::uint64_t>(sys::tid()));
  return seed != 0 ? seed : 1;
}

void draw(ThreadState& thread) {
  std::uint64_t seed = thread.sample_seed;
  thread.sample_left = draw_exponential(seed, sample_bytes);
  thread.sample_seed = seed != 0 ? seed : 1;
}

// Neither is called as libc's own: see system/memory.cc. That one goes byte by byte, and this may be 100 KiB.
void copy(void* into, const void* from, std::size_t bytes) {
#if defined(__x86_64__)
  __asm__ volatile("rep movsb" : "+D"(into), "+S"(from), "+c"(bytes) : : "memory");
#else
  auto* to = static_cast<std::uintptr_t*>(into);
  const auto* source = static_cast<const std::uintptr_t*>(from);
  for (; bytes >= sizeof *to; bytes -= sizeof *to) {
    *to++ = *source++;
    signal_fence();  // else the compiler makes a call of memcpy of it
  }
  for (std::size_t i = 0; i < bytes; ++i) {
    reinterpret_cast<unsigned char*>(to)[i] = reinterpret_cast<const unsigned char*>(source)[i];
    signal_fence();
  }
#endif
}

void clear(void* into, std::size_t bytes) {
#if defined(__x86_64__)
  __asm__ volatile("rep stosb" : "+D"(into), "+c"(bytes) : "a"(0) : "memory");
#else
  auto* to = static_cast<std::uintptr_t*>(into);
  for (; bytes >= sizeof *to; bytes -= sizeof *to) {
    *to++ = 0;
    signal_fence();
  }
  for (std::size_t i = 0; i < bytes; ++i) {
    reinterpret_cast<unsigned char*>(to)[i] = 0;
    signal_fence();
  }
#endif
}

// The old block goes first: so its memory may be part of the new one's, and leaves no hole beside it.
void* exchanged(void* block, std::size_t size, bool is_cleared) {
  allocator::free(block);
  void* const other = allocator::memalign(kPageBytes, size);
  if (LEAKDIR_UNLIKELY(other == nullptr)) return is_cleared ? allocator::calloc(1, size) : allocator::malloc(size);
  if (is_cleared) clear(other, size);
  return other;
}

}  // namespace

LEAKDIR_SLOW bool is_drawn(ThreadState& thread, std::size_t size) {
  if (thread.sample_seed == 0) {
    thread.sample_seed = new_seed();
    draw(thread);
    if (phase() == Phase::kSampling) __atomic_fetch_add(&ledger_file.header()->sampling_threads, 1, __ATOMIC_RELAXED);
  }
  if (count_down(thread, size)) return false;
  draw(thread);
  return true;
}

void draw_as_a_child(ThreadState& thread) {
  if (process->draws_its_own.exchange(1, std::memory_order_relaxed) == 0) thread.sample_seed = 0;
}

void* as_sampled(void* block, std::size_t size, Call call) {
  if (may_be_sampled(block)) return block;
  const int saved = errno;
  void* other = nullptr;
  switch (call) {
    case Call::kMalloc:
    case Call::kCalloc:
      other = exchanged(block, size, call == Call::kCalloc);
      if (other == nullptr) return nullptr;  // errno says so
      break;
    default:
      other = allocator::memalign(kPageBytes, size);
      if (other == nullptr) {
        other = block;
        break;
      }
      if (call == Call::kRealloc || call == Call::kReallocarray) copy(other, block, size);
      allocator::free(block);
  }
  errno = saved;
  return other;
}

std::uint32_t configure_sampling(std::uint32_t bytes) {
  if (bytes != 0 && !allocator::resizes_aligned_blocks()) {
    messages::sample_is_whole();
    bytes = 0;
  }
  sample_bytes = bytes;
  if (bytes != 0) recording_phase = Phase::kSampling;
  return bytes;
}

}  // namespace leakdir
