// SPDX-License-Identifier: BSL-1.0
#include "work_share.hh"

#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr std::int64_t kSavedNs = 4000000000;        // the share of so much time can be saved up
constexpr std::int64_t kSavedAtStartNs = 500000000;  // … and is there at start: most programs end soon

std::int64_t share = 100;   // percent
std::int64_t saved_ns = 0;  // processor time that may be used; below 0: too much was
std::uint64_t begun_at = 0, cpu_at_begin = 0;

std::int64_t share_of(std::int64_t ns) { return ns / 100 * share; }
std::int64_t used_ns() { return static_cast<std::int64_t>(sys::thread_cpu_ns() - cpu_at_begin); }

}  // namespace

void configure_work_share(std::uint32_t percent) {
  share = percent;
  saved_ns = share_of(kSavedAtStartNs);
  begun_at = sys::monotonic_ns();
}

void begin_work() {
  const std::uint64_t now = sys::monotonic_ns();
  const auto passed = static_cast<std::int64_t>(now - begun_at);
  saved_ns += share_of(passed < kSavedNs ? passed : kSavedNs);
  if (saved_ns > share_of(kSavedNs)) saved_ns = share_of(kSavedNs);
  begun_at = now;
  cpu_at_begin = sys::thread_cpu_ns();
}

void end_work() { saved_ns -= used_ns(); }

bool is_work_share_spent() { return share < 100 && used_ns() >= saved_ns; }

}  // namespace leakdir
