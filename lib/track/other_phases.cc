// SPDX-License-Identifier: BSL-1.0
#include "other_phases.hh"

#include "early_blocks.hh"
#include "ledger/live_table.hh"
#include "ledger/recent_frees.hh"
#include "libc_own.hh"
#include "system/allocator.hh"
#include "system/guard.hh"
#include "system/process.hh"
#include "system/sys.hh"

namespace leakdir {
namespace {

std::uint64_t address_of(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

// In a forked child that has several threads by now, another one makes the ledger. This one waits for it, so that a
// block that is allocated now is not missed, and one that is freed now is not taken over. A handler that interrupted
// the thread which makes the ledger does not wait.
void wait_for_ledger() {
  constexpr unsigned kTries = 2000;
  for (unsigned i = 0; i < kTries && phase() == Phase::kSwitching && !thread_state.is_nested(); ++i) {
    sys::sleep_for(1000000);
  }
}

// While paused: not recorded, and nothing to be said about it.
bool is_unknown(const void* block) {
  return !is_live_block(address_of(block)) && address_of(block) % allocator::kAlignment == 0;
}

}  // namespace

LEAKDIR_SLOW bool is_recorded_after_all(const void* block, std::size_t size, ledger::Call call, Caller caller) {
  switch (phase()) {
    case Phase::kEarly:
      if (is_libcs_entry(block)) return false;
      if (start_at_first_call(caller)) return phase() == Phase::kRecording;
      note_early_block(block, size, call, caller);
      return false;
    case Phase::kForked:
      if (start_in_child()) return true;
      if (phase() == Phase::kForked) block_is_unknown(address_of(block));
      if (phase() != Phase::kSwitching) return false;
      [[fallthrough]];
    case Phase::kSwitching:
      wait_for_ledger();
      if (phase() == Phase::kSwitching) block_is_unknown(address_of(block));
      return is_recording(phase());
    case Phase::kPaused:
    case Phase::kOff:
      return false;
    case Phase::kSampling:
    case Phase::kRecording:
      return true;
  }
  return false;
}

LEAKDIR_SLOW bool is_only_handed_on(const void* block) {
  switch (phase()) {
    case Phase::kEarly:
      forget_early_block(block);
      return true;
    case Phase::kSwitching:
      wait_for_ledger();
      if (phase() != Phase::kSwitching)
        return phase() == Phase::kOff || (phase() == Phase::kPaused && is_unknown(block));
      [[fallthrough]];
    case Phase::kForked:
      forget_inherited_block(address_of(block));
      return true;
    case Phase::kOff:
      return true;
    case Phase::kPaused:
      return is_unknown(block);
    case Phase::kSampling:
    case Phase::kRecording:
      return false;
  }
  return true;
}

}  // namespace leakdir
