// SPDX-License-Identifier: BSL-1.0
//
// Finds out what a walk may read, by asking the kernel.

#include "fast_walk_reach.hh"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace leakdir {
namespace {

constexpr std::uintptr_t kPage = 4096;

// Pages proven in one walk at most: 256 of them cost about 30 microseconds. The next walk goes on from there.
constexpr unsigned kMaxPages = 256;

// Two stacks that share 64 KiB are told apart all the same, only later: `foreign` is a shortcut.
constexpr unsigned kForeignShift = 16;

// So near to what is proven nothing else lies: the kernel keeps 1 MiB free below the initial thread's stack, and below
// another's is its guard page, where probes end. So nearly all stacks grow without a call that sandboxes do not know.
constexpr std::uintptr_t kNear = 512 << 10;

constexpr std::uintptr_t page_of(std::uintptr_t address) { return address & ~(kPage - 1); }

class ErrnoKeeper {
 public:
  ErrnoKeeper() : saved_(errno) {}
  ~ErrnoKeeper() { errno = saved_; }
  ErrnoKeeper(const ErrnoKeeper&) = delete;
  ErrnoKeeper& operator=(const ErrnoKeeper&) = delete;

 private:
  int saved_;
};

constexpr long kKernelSignalSetBytes = 8;
constexpr long kNoSuchHow = -1;

// Leaves errno changed.
bool probe(std::uintptr_t address) {
  return syscall(SYS_rt_sigprocmask, kNoSuchHow, address & ~std::uintptr_t{7}, 0L, kKernelSignalSetBytes) == -1 &&
         errno == EINVAL;
}

// No hole between the two. Asked before probing far downwards from a stack's top: a probe just below the initial
// thread's stack would make the kernel grow it. The kernel's pages may be larger than kPage (arm64), and it asks for
// the beginning of one.
bool is_mapped(std::uintptr_t begin, std::uintptr_t end) {
  const std::uintptr_t of_kernel = getauxval(AT_PAGESZ);
  const std::uintptr_t first = page_of(begin) & ~(of_kernel - 1);
  return syscall(SYS_msync, first, page_of(end + kPage - 1) - first, static_cast<long>(MS_ASYNC)) == 0;
}

// Above the first frame of the initial thread the kernel keeps arguments, environment and the bytes for AT_RANDOM.
std::uintptr_t top_of_stack(std::uintptr_t thread) {
  const bool is_initial = syscall(SYS_gettid) == syscall(SYS_getpid);
  return (is_initial ? getauxval(AT_RANDOM) : thread) & ~std::uintptr_t{7};
}

enum class Ask : int { kUnknown, kYes, kNo };
std::atomic<Ask> g_ask{Ask::kUnknown};

}  // namespace

bool can_read(std::uintptr_t address) noexcept {
  ErrnoKeeper keeper;
  return probe(address);
}

bool can_ask() noexcept {
  Ask ask = g_ask.load(std::memory_order_relaxed);
  if (ask == Ask::kUnknown) {
    ErrnoKeeper keeper;
    // The last page belongs to the kernel on every processor.
    ask = probe(reinterpret_cast<std::uintptr_t>(&ask)) && !probe(page_of(~std::uintptr_t{0})) ? Ask::kYes : Ask::kNo;
    g_ask.store(ask, std::memory_order_relaxed);
  }
  return ask == Ask::kYes;
}

bool is_own_stack(StackReach& reach, std::uintptr_t sp, std::uintptr_t thread) noexcept {
  if (reach.thread == thread && sp >= reach.lo && sp < reach.hi) return true;
  if (!can_ask()) return false;
  // What was proven for a thread that has ended says nothing of this one's stack. The order of
  // these stores matters, here and below: a handler that leaves by longjmp in between must leave nothing behind that
  // was not proven.
  if (reach.thread != thread) {
    reach.hi = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    reach.foreign = 0;
    reach.thread = thread;
  }
  const std::uintptr_t region = sp >> kForeignShift;
  if (region == reach.foreign) return false;

  ErrnoKeeper keeper;
  if (reach.hi == 0) {
    reach.lo = top_of_stack(thread);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    reach.hi = reach.lo;
  }
  if (sp >= reach.hi || (reach.lo - sp > kNear && !is_mapped(sp, reach.lo))) {
    reach.foreign = region;
    return false;
  }
  for (unsigned pages = 0; pages < kMaxPages; ++pages) {
    const std::uintptr_t page = page_of(reach.lo - 1);
    if (!probe(page)) {
      // A guard page: what lies below it is another stack.
      reach.foreign = region;
      return false;
    }
    reach.lo = page;
    if (page <= sp) return true;
  }
  return false;
}

bool extend_readable(std::uintptr_t* end, std::uintptr_t wanted) noexcept {
  if (wanted <= *end) return true;
  if (wanted - *end > kMaxPages * kPage) return false;
  ErrnoKeeper keeper;
  while (*end < wanted) {
    if (!probe(*end)) return false;
    *end += kPage;
  }
  return true;
}

}  // namespace leakdir
