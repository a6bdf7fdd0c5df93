// SPDX-License-Identifier: BSL-1.0
#include "choice.hh"

#include "ledger/ledger_file.hh"
#include "system/sys.hh"

namespace leakdir {

Choice::Choice()
    : rows_(all_block_rows()),
      stacks_(ledger_file.used(ledger::Kind::kNodes) + 1),
      bytes_(sizeof(std::uint32_t) * stacks_ + byte_of(rows_.end) + 1),
      memory_(sys::map_private(bytes_)) {}

Choice::~Choice() {
  if (memory_ != nullptr) sys::unmap(memory_, bytes_);
}

void Choice::forget_counts() {
  for (std::uint32_t i = 0; i < stacks_; ++i) counts()[i] = 0;
}

void Choice::forget_all() {
  forget_counts();
  for (std::uint32_t i = 0; i <= byte_of(rows_.end); ++i) chosen()[i] = 0;
}

std::uint64_t Choice::taken_by(std::uint32_t each) const {
  std::uint64_t taken = 0;
  for (std::uint32_t i = 0; i < stacks_; ++i) taken += counts()[i] < each ? counts()[i] : each;
  return taken;
}

Choice::Share Choice::share(std::uint64_t places) const {
  std::uint32_t most = 0;
  for (std::uint32_t i = 0; i < stacks_; ++i) most = counts()[i] > most ? counts()[i] : most;
  std::uint32_t each = 0;  // what there are places for, and no stack needs more than `most`
  for (std::uint32_t beyond = most; each < beyond;) {
    const std::uint32_t middle = each + (beyond - each + 1) / 2;
    if (taken_by(middle) <= places) {
      each = middle;
    } else {
      beyond = middle - 1;
    }
  }
  return {each, places - taken_by(each)};
}

}  // namespace leakdir
