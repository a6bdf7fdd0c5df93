// SPDX-License-Identifier: BSL-1.0
//
// The ledger's clock: when a block was allocated, cheaply. A tick is some fraction of a microsecond; the ledger's
// header says how long (tick_ns_q32), and the longer the program has run the better it is known.
//
// On x86-64 a tick is 1024 cycles of the time stamp counter, where the processor says that it runs evenly and the
// kernel keeps its own time by it; elsewhere a microsecond of CLOCK_MONOTONIC. No system call in now_ticks; any thread,
// signals, the helper.

#pragma once

#include <cstdint>

#include "shared/ledger.hh"
#include "system/base.hh"

namespace leakdir {

// Once at start, before anything asks.
void start_clock(ledger::Header& header);

// Compares the counter with the system's clock again, and says so in the header. At the end of start, at each look, at
// exit.
void tune_clock(ledger::Header& header);

// Whether time is told by the counter, and where that stood at start.
struct CycleClock {
  static constexpr unsigned kShift = 10;
  bool is_used;
  std::uint64_t start;
};
LEAKDIR_OURS extern CycleClock cycle_clock;

inline std::uint64_t cycles() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return 0;
#endif
}

std::uint64_t now_ticks_by_system();
inline std::uint64_t now_ticks() {
  return LEAKDIR_LIKELY(cycle_clock.is_used) ? (cycles() - cycle_clock.start) >> CycleClock::kShift
                                             : now_ticks_by_system();
}

// Rounded down; for spans, not for dates.
std::uint64_t ticks_of_ns(std::uint64_t ns);

// A tick as ns since 1970, in this process.
std::uint64_t realtime_of_ticks(std::uint64_t ticks);

}  // namespace leakdir
