// SPDX-License-Identifier: BSL-1.0
//
// What grew since the first of several snapshots of one process. Stacks are told by where their frames lie in their
// files, so that a library may come, go and come back elsewhere.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "report_model.hh"

namespace leakdir::tool {

class GrowthMeter {
 public:
  // The first call says what to compare with, and finds no growth. A stack whose blocks are of several kinds has its
  // growth with the first of its groups where the kinds were not known at the first call, or are not known now.
  Growth measure(const Snapshot& snapshot, const Grouped& grouped);
  // The next call is the first one again.
  void forget();
  // The same in each snapshot; no text.
  std::string identity_of(const Snapshot& snapshot, const Group& group, bool with_kind);

 private:
  bool is_first_ = true, knew_kinds_ = false;
  std::int64_t start_ns_ = 0;
  Change total_;
  std::unordered_map<std::string, Change> at_start_, stacks_at_start_;  // by kind, and without
  std::map<std::pair<std::string, std::string>, std::uint32_t> files_;  // by path and build-id, or a place's file
};

// Puts the stacks that grew most, in bytes, first.
void sort_by_growth(Grouped& grouped, Growth& growth);

}  // namespace leakdir::tool
