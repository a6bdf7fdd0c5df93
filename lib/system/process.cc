// SPDX-License-Identifier: BSL-1.0
#include "process.hh"

#include <sys/mman.h>

#include "guard.hh"
#include "libc.hh"
#include "sys.hh"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

// 2.32; musl has none.
extern "C" __attribute__((weak)) char __libc_single_threaded;

namespace leakdir {

Process early_process = {{static_cast<std::uint32_t>(Phase::kEarly)}, {0}, {0}, {0}, {0}, {0}, {0}, 0, 0, {0}, 0, {0}};
Process* process = &early_process;
Phase recording_phase = Phase::kRecording;
std::uint32_t process_generation = 0;
std::atomic<std::uint32_t> hooks_epoch{1};
__thread ThreadState thread_state;

namespace {
constexpr char kNobodyKnows = 0;
}
const char* single_threaded = &kNobodyKnows;

namespace {

// What the kernel does to the page in a forked child, by hand.
void wipe_process() {
  if (phase() == Phase::kOff) return;  // registered before it was known that nothing can be recorded
  process->growth_lock.store(0, std::memory_order_relaxed);
  process->modules_lock.store(0, std::memory_order_relaxed);
  process->look_lock.store(0, std::memory_order_relaxed);
  process->growth_hangs.store(0, std::memory_order_relaxed);
  process->helper_state.store(0, std::memory_order_relaxed);
  process->helper_alive = 0;
  process->helper_wake = 0;
  process->helper_idle.store(0, std::memory_order_relaxed);
  process->helper_failures = 0;
  process->draws_its_own.store(0, std::memory_order_relaxed);
  set_phase(Phase::kForked);
}

}  // namespace

Process* make_process_page() {
  if (&__libc_single_threaded != nullptr) single_threaded = &__libc_single_threaded;
  constexpr std::size_t kBytes = 4096;
  void* page = sys::map(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == nullptr) return nullptr;
  constexpr int kNoAdvice = 12345;  // qemu's user mode takes any, and does nothing
  if (sys::advise(page, kBytes, MADV_WIPEONFORK) != 0 || sys::advise(page, kBytes, kNoAdvice) == 0) {
    // Before Linux 4.14, and there: a child that fork() made is told by libc.
    libc::call_at_fork(nullptr, nullptr, wipe_process);
  }
  return static_cast<Process*>(page);
}

TryLock::TryLock(std::atomic<std::uint32_t>& word, unsigned tries) : word_(word) {
  const auto own = static_cast<std::uint32_t>(sys::tid());
  for (unsigned i = 0; i < tries; ++i) {
    std::uint32_t holder = 0;
    if (word_.compare_exchange_strong(holder, own, std::memory_order_acquire)) {
      taken_ = true;
      return;
    }
    is_nested_ = holder == own;
    if (is_nested_) return;
    if (i < kTriesAtOnce) {
      sys::yield();
    } else {
      sys::sleep_for(1000000);
    }
  }
}

}  // namespace leakdir
