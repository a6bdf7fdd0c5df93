// SPDX-License-Identifier: BSL-1.0
#include "usable_size.hh"

#include "ledger_file.hh"
#include "system/process.hh"

namespace leakdir {

std::atomic<bool> usable_size_asked;

void usable_size_is_asked_slow() {
  usable_size_asked.store(true, std::memory_order_relaxed);
  const Phase now = phase();  // in a forked child it is the parent's ledger at first
  if (is_recording(now) || now == Phase::kPaused) put_usable_size_asked();
}

void put_usable_size_asked() {
  if (is_usable_size_asked()) __atomic_store_n(&ledger_file.header()->usable_size_asked, 1, __ATOMIC_RELAXED);
}

}  // namespace leakdir
