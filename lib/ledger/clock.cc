// SPDX-License-Identifier: BSL-1.0
#include "clock.hh"

#include "system/base.hh"
#include "system/sys.hh"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace leakdir {

CycleClock cycle_clock = {false, 0};

namespace {

constexpr std::uint64_t kMicrosecondQ32 = std::uint64_t{1000} << 32;

std::uint64_t start_ns = 0;
std::uint64_t start_realtime_ns = 0;
std::uint64_t tick_ns_q32 = kMicrosecondQ32;  // read by any thread, written by one
std::uint64_t tuned_ns = 0;                   // over how long it was measured
constexpr std::uint64_t kLongEnoughNs = 10000000000;

#if defined(__x86_64__)
// CPUID 80000007H, EDX bit 8: the counter runs at one rate in every state of the processor.
bool runs_evenly() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d >> 8 & 1) != 0;
}

// Where the kernel has found that the counters of the processors differ, it uses another clock.
bool kernel_trusts_it() {
  char name[32];
  if (sys::read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", name, sizeof name) <= 0) {
    return false;
  }
  const auto is = [&](const char* word) {
    std::size_t i = 0;
    while (word[i] != '\0' && word[i] == name[i]) ++i;
    return word[i] == '\0' && (name[i] == '\n' || name[i] == '\0');
  };
  return is("tsc") || is("kvm-clock") || is("hyperv_clocksource_tsc_page");
}
#else
bool runs_evenly() { return false; }
bool kernel_trusts_it() { return false; }
#endif

}  // namespace

void start_clock(ledger::Header& header) {
  cycle_clock.is_used = runs_evenly() && kernel_trusts_it();
  start_realtime_ns = sys::realtime_ns();
  start_ns = sys::monotonic_ns();
  cycle_clock.start = cycles();
  header.start_realtime_ns = start_realtime_ns;
  header.tick_ns_q32 = kMicrosecondQ32;
}

void tune_clock(ledger::Header& header) {
  // Once it was measured over a long time it stays: records that were written are not to be contradicted.
  if (cycle_clock.is_used && tuned_ns < kLongEnoughNs) {
    const std::uint64_t ticks = (cycles() - cycle_clock.start) >> CycleClock::kShift;
    const std::uint64_t ns = sys::monotonic_ns() - start_ns;
    constexpr std::uint64_t kEnough = 64;  // ticks: some ten microseconds
    if (ticks >= kEnough) {
      // 16 of the 32 bits behind the point: enough for a millisecond in a day, and no 128-bit division.
      const std::uint64_t rate = ns / ticks << 32 | (ns % ticks << 16) / ticks << 16;
      __atomic_store_n(&tick_ns_q32, rate, __ATOMIC_RELAXED);
      tuned_ns = ns;
    }
  }
  header.start_realtime_ns = start_realtime_ns;
  header.tick_ns_q32 = __atomic_load_n(&tick_ns_q32, __ATOMIC_RELAXED);
}

std::uint64_t now_ticks_by_system() { return (sys::monotonic_ns() - start_ns) / 1000; }

std::uint64_t ticks_of_ns(std::uint64_t ns) {
  const std::uint64_t rate = __atomic_load_n(&tick_ns_q32, __ATOMIC_RELAXED);
  return (ns << 8) / (rate >> 24);
}

std::uint64_t realtime_of_ticks(std::uint64_t ticks) {
  const std::uint64_t rate = __atomic_load_n(&tick_ns_q32, __ATOMIC_RELAXED);
  return start_realtime_ns + ticks * (rate >> 32) + (ticks * (rate >> 16 & 0xffff) >> 16);
}

}  // namespace leakdir
