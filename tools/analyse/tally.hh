// SPDX-License-Identifier: BSL-1.0
//
// What two runs are compared by: live blocks and bad frees by stacks that are recognised in another run, in another
// build, after an edit. `diff` and `check` use it. Pure functions; tally_json.cc reads tallies from texts.
//
// Two stacks are the same by function when they come from the same call through the same functions of the same files.
// Addresses, line numbers and directories do not count, nor what the compiler adds to a function's name when it splits
// or clones it, nor what calls main(). So one stack by function may be several stacks of a report, in which addresses
// count: how many is kept, and said wherever stacks are counted.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "group.hh"
#include "load/snapshot.hh"
#include "stayers.hh"
#include "suppressions.hh"
#include "symbols/symbols.hh"
#include "wrappers.hh"

namespace leakdir::tool {

// For reading: where a frame was in this run.
struct TallyFrame {
  SourceLine line;
  std::string module;  // path; empty: not known
  std::string offset;  // "0x…", for addr2line; of no known module: the address
};

struct Amount {
  std::uint64_t blocks = 0, bytes = 0;
  std::uint64_t stacks = 0;  // of a report; 0: not known
};

struct TallyStack {
  std::string call;                   // that made the blocks; of a bad free, its kind
  std::vector<std::string> identity;  // "function (module)", innermost first
  std::uint64_t blocks = 0;           // or bad frees
  std::uint64_t bytes = 0;
  std::vector<TallyFrame> frames;       // empty when only the identity was stored
  std::string place;                    // the file that the macro hook recorded
  std::uint64_t stacks = 0;             // of a report, that are this one by function; 0: not known
  std::size_t own = kNoFrame;           // which of `frames` is the own one; see wrappers.hh
  Spread spread = Spread::kNotThrough;  // whether it was allocated all through its run; see stayers.hh

  // Of the blocks, those whose kind is known, by ledger::Reach. It is not part of the identity: a stack whose blocks
  // are lost in one run and held in another is the same stack.
  std::array<Amount, ledger::kReaches> kinds = {};

  bool knows_kinds() const;  // of some block, at least
  Amount lost() const;
  Amount held() const { return kinds[static_cast<std::size_t>(ledger::Reach::kReachable)]; }
};

// Of a sample the stacks have what was recorded, or what that stands for: one or the other in all of them.
enum class Figures { kRecorded, kEstimated };

struct Tally {
  std::string origin;  // as the user named it
  std::string program;
  std::string state;  // running, exited, killed
  // Each identity once, in an order that depends on nothing but the identities.
  std::vector<TallyStack> stacks, bad_frees;
  std::vector<std::string> notices, warnings;
  bool is_damaged = false;         // the ledger was: more may have been live
  std::uint64_t sample_bytes = 0;  // 0: every block was recorded
  Amount recorded;                 // blocks and bytes, whatever the figures are

  std::uint64_t blocks() const;
  std::uint64_t bytes() const;
  std::uint64_t stacks_of_report() const;  // 0: not known, a baseline has none
  std::uint64_t bad_free_count() const;
};

// `lines` must know every frame of every group and of the bad frees.
Tally tally_of(const Snapshot& snapshot, const Grouped& grouped, const FrameLines& lines,
               const Wrappers& wrappers = Wrappers(), Figures figures = Figures::kRecorded);

// One group by itself, whose frames `lines` must know.
TallyStack tally_stack(const Snapshot& snapshot, const Group& group, const FrameLines& lines, const Wrappers& wrappers,
                       Figures figures);

// A report of `leakdir report --format json`, or a baseline. Throws Error, naming `name`, when the text is neither.
Tally tally_of_json(const std::string& text, const std::string& name, Figures figures = Figures::kRecorded);

// A baseline: JSON for people to review, one line for each frame. What it stores is all that tally_of_json() gives
// back.
std::string baseline_text(const Tally& tally);

// Sets the identity from the frames; for tallies that are made by hand. `place`: the file that the macro hook recorded.
std::vector<std::string> identity_of(const std::vector<TallyFrame>& frames, std::string_view place);

// Sorts the stacks, and adds up those that have one identity.
void put_in_order(std::vector<TallyStack>& stacks);

// The lost blocks alone. Of a run: those whose kind is not known are left out. Of a baseline: a stack whose kinds it
// does not know stays whole, and one that was held stays with no block, so that compare() knows it.
Tally lost_part_of(const Tally& run);
Tally lost_part_of_baseline(const Tally& baseline);

// Takes out the stacks that a rule matches, as suppress() does with groups; of a rule for some kinds, the blocks of
// these.
void suppress(Tally& tally, const std::vector<Suppression>& rules);

// "2 definitely lost, 1 still reachable"; empty: not known.
std::string kinds_of(const TallyStack& stack);

// "5 stacks, 3 by function", "1 stack", and of a baseline "3 stacks by function".
std::string count_of_stacks(const Tally& tally);

// The own frame, that tells whose block it is: "make_buffer app.c:69".
std::string own_frame_of(const TallyStack& stack);
std::string own_function_of(const TallyStack& stack);  // "make_buffer"

}  // namespace leakdir::tool
