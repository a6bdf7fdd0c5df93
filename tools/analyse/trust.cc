// SPDX-License-Identifier: BSL-1.0
#include "trust.hh"

#include <fmt/format.h>

#include "base/words.hh"

namespace leakdir::tool {

std::string distrust(const Snapshot& snapshot) {
  if (snapshot.from_records)
    return fmt::format("{} has no ledger, and record files alone are no proof that leakdir looked", snapshot.directory);
  if (snapshot.is_damaged) return snapshot.warnings.empty() ? "the ledger is damaged" : snapshot.warnings.front();
  if (!snapshot.passed_by.empty()) return snapshot.passed_by;
  if (snapshot.dropped_blocks != 0)
    return fmt::format("{} could not be recorded, because the ledger could not grow",
                       count_of(snapshot.dropped_blocks, "block"));
  if (snapshot.never_recorded) return "recording was paused from the start, and nobody switched it on";
  if (snapshot.allocations == 0 && snapshot.frees == 0)
    return "leakdir was there, but saw no call: the hooks did not run, or the program never allocated";
  return {};
}

}  // namespace leakdir::tool
