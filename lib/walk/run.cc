// SPDX-License-Identifier: BSL-1.0
#include "run.hh"

#include "system/base.hh"

namespace leakdir {
namespace {

void copy_bytes(void* to, const void* from, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
}

}  // namespace

LEAKDIR_SLOW Run* RunStore::add(const RunDraft& draft) noexcept {
  const unsigned checks = draft.run.checks, bp_checks = draft.run.bp_checks;
  const std::size_t units = (Run::bytes(checks, bp_checks) + kUnit - 1) / kUnit;
  const std::uint32_t at = used_ == 0 ? 1 : used_;
  if (runs_ == kMostRuns || at + units > kBytes / kUnit) return nullptr;
  used_ = at + static_cast<std::uint32_t>(units);
  signal_fence();
  Run* const run = run_at(at);
  *run = draft.run;
  run->serial = ++last_serial_;
  copy_bytes(run + 1, draft.pcs, checks * sizeof draft.pcs[0]);
  copy_bytes(const_cast<std::uint32_t*>(run->places()), draft.places, checks * sizeof draft.places[0]);
  copy_bytes(const_cast<std::int32_t*>(run->bp_slots()), draft.bp_slots, checks * sizeof draft.bp_slots[0]);
  if (Rule::kHasLinkRegister) {
    copy_bytes(const_cast<std::uint32_t*>(run->sps()), draft.sps, checks * sizeof draft.sps[0]);
  }
  copy_bytes(const_cast<BpCheck*>(run->bps()), draft.bps, bp_checks * sizeof draft.bps[0]);
  unsigned slot = slot_of(run->pc);
  while (slots_[slot] != 0 && run_at(slots_[slot])->pc != run->pc) slot = (slot + 1) % kSlots;
  if (slots_[slot] == 0) ++runs_;
  signal_fence();
  slots_[slot] = static_cast<std::uint16_t>(at);
  return run;
}

LEAKDIR_SLOW void RunStore::clear() noexcept {
  for (std::uint16_t& slot : slots_) slot = 0;
  signal_fence();
  runs_ = 0;
  used_ = 0;
}

}  // namespace leakdir
