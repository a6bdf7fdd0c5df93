// SPDX-License-Identifier: BSL-1.0
//
// Of a sample: beside what was recorded, what it stands for.

#pragma once

#include <nlohmann/json.hpp>

#include "analyse/estimate.hh"
#include "load/snapshot.hh"

namespace leakdir::tool {

// Adds nothing where every block was recorded.
inline void add_estimate(nlohmann::ordered_json& json, const Snapshot& snapshot, const Estimate& all) {
  if (snapshot.sample_bytes == 0) return;
  json["estimated"] = {
      {"blocks", all.whole_blocks()}, {"bytes", all.whole_bytes()}, {"bytes_deviation", all.deviation()}};
}

}  // namespace leakdir::tool
