// SPDX-License-Identifier: BSL-1.0
//
// What `check` answers, and why: a run by itself, against what is known (a baseline), or against an earlier look. Pure;
// emit_check.hh prints it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "allowance.hh"
#include "compare.hh"
#include "estimate.hh"
#include "tally.hh"

namespace leakdir::tool {

// What the user allows.
struct Limits {
  bool only_new = false;                   // a known stack may grow
  std::optional<Allowance> growth;         // by so much each
  std::optional<std::uint64_t> max_bytes;  // so much may be live
  std::optional<Allowance> max_growth;     // so much more than at the earlier look, all stacks together
};

struct Judged {
  Tally now;  // with --lost: what is lost
  // What is compared with.
  enum class Against { kNothing, kBaseline, kEarlier } against = Against::kNothing;
  Tally before;
  bool finds_lost = false;
  Amount held, neither;     // with --lost: what is still reachable, and what may be lost as well
  std::string why_neither;  // one knows no better, as a part of a sentence
  std::uint64_t suppressed_blocks = 0, runtime_blocks = 0;  // that are left out, and not the program's own
  std::uint64_t allocations = 0, frees = 0;
  bool is_filtered = false;  // by age
  Estimate estimate;         // of a sample: of how much what is judged stands for
  bool is_sample = false;
  std::string no_proof;  // why "no leak" does not follow from what was seen; empty: it does
};

enum class Answer { kNoLeak, kLeak, kNoTrust };

struct Verdict {
  Answer answer = Answer::kNoTrust;
  std::string sentence;
  std::vector<std::string> notes;
  // What there is to be mended: what is lost first, then what was allocated all through the run, then the rest; of each
  // the largest first. It refers to what was judged. With nothing to compare with, all are new.
  std::vector<Difference> stacks, bad_frees;

  static Verdict without_trust(const std::string& why) {
    return {Answer::kNoTrust, "no trustworthy data: " + why, {}, {}, {}};
  }
};

Verdict judge(const Judged& judged, const Limits& limits);

// "4 live blocks, 12007 bytes (11.7 KiB) in 3 stacks"
std::string amount_of(const Tally& tally, const char* what = "live block");

// Of all stacks.
Amount held_in(const Tally& tally);
Amount neither_in(const Tally& tally);  // blocks of which it is not known whether they are lost or held

}  // namespace leakdir::tool
