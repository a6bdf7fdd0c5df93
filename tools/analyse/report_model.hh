// SPDX-License-Identifier: BSL-1.0
//
// A report, ready to print: what emit_text.cc, emit_json.cc and later formats take. It only refers to the snapshot and
// to the rest; nothing is worked out twice, so that all formats agree.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "group.hh"
#include "load/snapshot.hh"
#include "parts.hh"
#include "stayers.hh"
#include "suppressions.hh"
#include "symbols/source_texts.hh"
#include "symbols/symbols.hh"
#include "wrappers.hh"

namespace leakdir::tool {

struct Change {
  std::int64_t blocks = 0, bytes = 0;
};

// How much more is live than before; of a sample, an estimate.
struct Growth {
  std::string when = "in the last minute";
  std::int64_t over_ns = 0;    // how long that was
  std::vector<Change> groups;  // of Grouped::groups, one by one
  Change total;
};

inline constexpr char kEstimated[] = ", estimated";

// The group that grew most, in bytes; grouped.groups.size(): none grew.
std::size_t grew_most(const Growth& growth);

// From nothing.
Change change_to(const Estimate& amount);

struct Report {
  const Snapshot& snapshot;
  const Grouped& grouped;
  const FrameLines& lines;
  std::size_t shown;                  // of grouped.groups; the totals are of all of them
  bool is_filtered;                   // by age: "nothing" does not mean that nothing is live
  std::vector<std::string> warnings;  // the snapshot's, and others; damage is not among them
  std::vector<SuppressionUse> suppressions = {};
  const Growth* growth = nullptr;            // null: nothing to compare with
  Wrappers wrappers = Wrappers();            // decide which frame of a stack is its own one
  const Parts* parts = nullptr;              // null: by stack
  std::vector<std::string> unreadable = {};  // modules whose debug information is not understood, as a warning says
  std::size_t first = 0;                     // text alone: what is shown, stacks or parts, begins with this one
  const SourceTexts* sources = nullptr;      // null: nobody wants them
  std::vector<Stayer> stayers = {};          // of all that is live, also of kinds that are not listed
};

// What was allocated within the last `age_ns` of a running process and is still live.
Growth recent_growth(const Snapshot& snapshot, const Grouped& grouped, std::int64_t age_ns);

struct Sum {
  std::uint64_t stacks = 0, blocks = 0, bytes = 0;
  Estimate all;
};

// What is behind the stacks that are shown: the parts of a report add up to the whole.
Sum not_shown(const Report& report);

// The stacks that the report shows: those that are worth looking up.
std::vector<std::uint32_t> shown_stacks(const Snapshot& snapshot, const Grouped& grouped, std::size_t shown);

}  // namespace leakdir::tool
