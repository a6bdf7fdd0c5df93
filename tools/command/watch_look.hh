// SPDX-License-Identifier: BSL-1.0
//
// One look of `watch` at a process, of several: what is live, named, and what grew since the look that growth counts
// from.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analyse/growth.hh"
#include "analyse/parts.hh"
#include "analyse/report_model.hh"
#include "common_options.hh"

namespace leakdir::tool {

struct Look {
  Snapshot snapshot;
  // By Looker::arrange():
  Grouped grouped;
  FrameLines lines;
  Growth growth;
  Parts parts;  // where it is by something else than stacks
  std::vector<std::string> warnings;
  std::vector<SuppressionUse> suppressions;
  Wrappers wrappers;
  std::vector<Stayer> stayers;
};

// How the live blocks of a look are put in order.
struct Arrangement {
  std::string sort = "bytes";  // blocks, age, growth
  By by = By::kStack;
  std::size_t most_named = ~std::size_t{0};  // no more stacks than this are shown
};

struct LookOptions {
  std::string directory;
  bool is_of_all = false;  // with those that record in DIR/<pid>/, whenever they come
  double min_age = 0;
  bool lists_libc = false;
  KindOptions kinds;
  std::vector<std::string> alloc_fns;
  SuppressionOptions suppressions;
  SymbolOptions symbols;
};

class Looker {
 public:
  explicit Looker(const LookOptions& options) : options_(options) {}

  // Still to be arranged. The first one says which process it is. Throws Error.
  Look look();
  // May be done again with the same look. The first that was is what growth is counted from.
  void arrange(Look& look, const Arrangement& arrangement);
  // Growth counts from what is arranged next.
  void forget_growth() { meter_.forget(); }

  // Of a stack of the look: it is the same in the next one.
  std::string identity_of(const Look& look, std::size_t stack) {
    return meter_.identity_of(look.snapshot, look.grouped.groups[stack], true);
  }
  // The process, or the last of all, and not only this look at it.
  bool has_ended(const Look& look) const;
  std::string how_it_ended(const Look& look) const;

 private:
  void find_kinds_of(Snapshot& snapshot) const;
  void find_kinds_of_all(std::vector<Snapshot>& snapshots) const;
  bool has_another(const Look& look) const;  // process

  const LookOptions& options_;
  std::uint32_t pid_ = 0;
  std::int64_t start_ns_ = 0;
  std::unique_ptr<Symbols> symbols_;
  GrowthMeter meter_;
};

// For the emitters; refers to the look. Stacks, or parts, from `first` up to before `end`.
Report report_of(const Look& look, std::size_t first, std::size_t end, bool is_filtered);

}  // namespace leakdir::tool
