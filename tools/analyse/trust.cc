// SPDX-License-Identifier: BSL-1.0
#include "trust.hh"

#include <fmt/format.h>

#include "base/words.hh"

namespace leakdir::tool {

std::string why_no_call(const Snapshot& snapshot) {
  // Blocks that are too small to be recorded are freed all the same.
  const bool has_small_ones_only = snapshot.unrecorded != 0 && snapshot.blocks.empty();
  if (snapshot.allocations != 0 || snapshot.sampling_threads != 0 || (snapshot.frees != 0 && !has_small_ones_only))
    return {};
  if (snapshot.is_damaged) return "what leakdir saw is not known, as the ledger is damaged";
  if (snapshot.never_recorded) return std::string(kNeverRecorded);
  if (has_small_ones_only)
    return fmt::format("leakdir recorded nothing: all that it saw was {} below min_size",
                       count_of(snapshot.unrecorded, "allocation"));
  if (snapshot.pauses != 0) return "leakdir was there, but saw no call while recording was on";
  return "leakdir was there, but saw no call: the hooks did not run, or the program never allocated";
}

std::string why_no_proof(const Snapshot& snapshot) {
  if (snapshot.sample_bytes == 0) return {};
  return fmt::format("a sample, one block in {} bytes on average, does not show that there is none",
                     snapshot.sample_bytes);
}

std::string distrust(const Snapshot& snapshot) {
  if (snapshot.from_records)
    return fmt::format("{} has no ledger, and record files alone are no proof that leakdir looked", snapshot.directory);
  if (snapshot.is_damaged) return snapshot.warnings.empty() ? "the ledger is damaged" : snapshot.warnings.front();
  if (!snapshot.passed_by.empty()) return snapshot.passed_by;
  if (snapshot.dropped_blocks != 0)
    return fmt::format("{} could not be recorded, because the ledger could not grow",
                       count_of(snapshot.dropped_blocks, "block"));
  if (snapshot.never_recorded) return std::string(kNeverRecorded);
  return why_no_call(snapshot);
}

}  // namespace leakdir::tool
