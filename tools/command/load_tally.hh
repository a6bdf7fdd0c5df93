// SPDX-License-Identifier: BSL-1.0
//
// What can be compared, as the user names it: a record directory, a saved file, or a report or baseline in JSON.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyse/estimate.hh"
#include "analyse/tally.hh"
#include "common_options.hh"

namespace leakdir::tool {

// A report in JSON starts with a brace; nothing else that can be compared does.
bool is_json(const std::string& path);

// None: it is JSON. Throws Error, as load() does.
std::optional<Snapshot> snapshot_to_compare(const std::string& path);

struct TallyOptions {
  std::vector<std::string> alloc_fns;
  double min_age = 0;
  SuppressionOptions suppressions;
  SymbolOptions symbols;
  Figures figures = Figures::kRecorded;  // of a sample
};

// How a tally was made from a snapshot.
struct MadeTally {
  Tally tally;                           // with all warnings
  std::vector<std::string> without_use;  // suppressions that took nothing, a sentence each
  Amount suppressed, kept_by_runtimes;   // is left out
  Estimate estimate, estimate_of_lost;   // of how much the tally stands for
};
MadeTally tally_of(const Snapshot& snapshot, const TallyOptions& options);

// `loaded`: by snapshot_to_compare() from `path`.
Tally tally_at(const std::string& path, const std::optional<Snapshot>& loaded, const TallyOptions& options);

}  // namespace leakdir::tool
