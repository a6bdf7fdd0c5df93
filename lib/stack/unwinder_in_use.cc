// SPDX-License-Identifier: BSL-1.0
#include "unwinder_in_use.hh"

#include <atomic>
#include <cstdint>

#include "system/base.hh"
#include "system/libc.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

constexpr unsigned kTries = 200;
constexpr std::uint64_t kTryNs = 500000;

bool is_held_at_fork = false;
std::atomic<std::uint32_t> in_use{0};
std::uint32_t forks = 0;  // under way; changed atomically

void before_fork() {
  __atomic_fetch_add(&forks, 1, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < kTries && in_use.load(std::memory_order_seq_cst) != 0; ++i) sys::sleep_for(kTryNs);
}

void after_fork_in_parent() { __atomic_fetch_sub(&forks, 1, __ATOMIC_SEQ_CST); }

void after_fork_in_child() {
  __atomic_store_n(&forks, 0, __ATOMIC_SEQ_CST);
  in_use.store(0, std::memory_order_seq_cst);
}

LEAKDIR_SLOW void enter() {
  for (unsigned i = 0;; ++i) {
    in_use.fetch_add(1, std::memory_order_seq_cst);
    if (i == kTries || __atomic_load_n(&forks, __ATOMIC_SEQ_CST) == 0) return;
    in_use.fetch_sub(1, std::memory_order_seq_cst);
    sys::sleep_for(kTryNs);
  }
}

}  // namespace

UnwinderInUse::UnwinderInUse() {
  if (is_held_at_fork) enter();
}

UnwinderInUse::~UnwinderInUse() {
  if (is_held_at_fork) in_use.fetch_sub(1, std::memory_order_release);
}

void hold_unwinder_at_fork() {
  is_held_at_fork = libc::call_at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
}

}  // namespace leakdir
