// SPDX-License-Identifier: BSL-1.0
//
// leakdir check: is there a leak? For a job of continuous integration: one line on standard output, and the exit
// status. What else is to be said goes to standard error.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "analyse/compare.hh"
#include "analyse/report_model.hh"
#include "analyse/runtimes.hh"
#include "analyse/tally.hh"
#include "analyse/trust.hh"
#include "base/error.hh"
#include "base/output.hh"
#include "base/words.hh"
#include "command.hh"
#include "common_options.hh"
#include "load/bytes.hh"
#include "load/load.hh"

namespace leakdir::tool {

namespace {

constexpr int kNoLeak = 0, kLeak = 23, kNoTrust = 3;
constexpr std::size_t kMaxBaseline = 256 << 20;

int answer(int status, const std::string& text) {
  Output output("");
  output.write(printable(text) + "\n");
  output.finish();
  return status;
}

std::string amount_of(const Tally& tally, const char* what = "live block") {
  return fmt::format("{}, {} in {}", count_of(tally.blocks(), what), bytes_of(tally.bytes()), count_of_stacks(tally));
}

Amount held_in(const Tally& tally) {
  Amount sum;
  for (const auto& stack : tally.stacks) {
    sum.blocks += stack.held().blocks;
    sum.bytes += stack.held().bytes;
  }
  return sum;
}

// Blocks of which it is not known whether they are lost or held.
Amount neither_in(const Tally& tally) {
  Amount sum;
  for (const auto& stack : tally.stacks) {
    sum.blocks += stack.blocks - stack.lost().blocks - stack.held().blocks;
    sum.bytes += stack.bytes - stack.lost().bytes - stack.held().bytes;
  }
  return sum;
}

class CheckCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory(app, directory_);
    add_file(app, "--baseline", baseline_, "Fail only on stacks that are new, or have grown, since this was written");
    add_file(app, "--write-baseline", new_baseline_, "Store what there is as known, for --baseline");
    add_lost(app, kinds_);
    add_core(app, kinds_);
    add_min_age(app, min_age_);
    add_alloc_fn(app, alloc_fns_);
    add_suppression_options(app, suppression_options_);
    add_symbol_options(app, symbol_options_);
    add_footer(
        app,
        "Exit status: 0 no leak; 23 live blocks or bad frees; 3 no trustworthy data: no hooks ran, a damaged ledger, "
        "blocks that could not be recorded; with --lost, no kinds; 1 could not (a baseline that cannot be read); 2 "
        "usage.");
  }

  int run() override {
    // These are mistakes of the job, not of the program: they come first, whatever there is in the directory.
    Tally baseline;
    if (!baseline_.empty()) baseline = tally_of_json(read_text(baseline_, kMaxBaseline), baseline_);
    Snapshot snapshot;
    std::string doubt;
    try {
      snapshot = load(directory_);
      doubt = distrust(snapshot);
    } catch (const Error& error) {
      doubt = std::string(error.what()) + "; did the program run, linked with leakdir?";
    }
    if (doubt.empty()) doubt = find_kinds_of(snapshot);
    std::vector<std::string> warnings;
    auto rules = read_suppressions(suppression_options_, snapshot, warnings);
    for (const auto& notice : snapshot.notices) say("note: " + notice);
    if (!doubt.empty()) return answer(kNoTrust, "no trustworthy data: " + doubt);

    const Tally all = tally(snapshot, std::move(rules), warnings);
    const Tally now = kinds_.finds_lost ? lost_part_of(all) : all;
    if (kinds_.finds_lost) note_what_is_not_lost(snapshot, all);
    if (snapshot.unrecorded != 0)
      say(fmt::format("note: {} below min_size were not recorded", count_of(snapshot.unrecorded, "allocation")));
    for (const auto& warning : warnings) say("warning: " + warning);
    if (!new_baseline_.empty()) write_whole(new_baseline_, baseline_text(all), 0666);
    if (!baseline_.empty()) return compare_with(kinds_.finds_lost ? lost_part_of_baseline(baseline) : baseline, now);
    if (!new_baseline_.empty())
      return answer(kNoLeak, fmt::format("baseline written to {}: {}, {}", new_baseline_, amount_of(all),
                                         count_of(all.bad_free_count(), "bad free")));
    return judge(snapshot, now);
  }

 private:
  Tally tally(const Snapshot& snapshot, std::vector<Suppression> rules, std::vector<std::string>& warnings) {
    GroupOptions options;
    options.lists_libc = snapshot.lists_libc;
    options.min_age_ns = static_cast<std::int64_t>(min_age_ * 1e9);
    Grouped grouped = group(snapshot, options);
    const auto symbols = make_dwfl_symbols(symbol_options_, snapshot);
    const FrameLines lines = symbolise(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), *symbols);
    Wrappers wrappers(alloc_fns_);
    wrappers.learn(snapshot, grouped, lines);
    if (!suppression_options_.lists_runtimes) leave_out_runtimes(snapshot, lines, grouped);
    for (const auto& use : grouped.runtimes) runtimes_ += use.blocks;
    for (const auto& sentence : unused(suppress(snapshot, lines, std::move(rules), grouped))) say("note: " + sentence);
    suppressed_ = grouped.suppressed_blocks;
    warnings.insert(warnings.end(), snapshot.warnings.begin(), snapshot.warnings.end());
    for (auto& warning : symbols->warnings()) warnings.push_back(std::move(warning));
    return tally_of(snapshot, grouped, lines, wrappers);
  }

  // With --lost. Why it is not known which blocks are; empty: it is known.
  std::string find_kinds_of(Snapshot& snapshot) const {
    try {
      find_kinds(kinds_, snapshot);
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  }

  void note_what_is_not_lost(const Snapshot& snapshot, const Tally& all) {
    held_ = held_in(all);
    neither_ = neither_in(all);
    why_neither_ = why_no_kinds(snapshot);
    if (snapshot.unread_bytes != 0)
      say(fmt::format("note: {} of memory could not be read by who looked for lost blocks",
                      bytes_of(snapshot.unread_bytes)));
  }

  // "No leak" is said only where each block was judged.
  int answer_no_leak(const std::string& text) const {
    if (neither_.blocks == 0) return answer(kNoLeak, text);
    return answer(kNoTrust, fmt::format("no trustworthy data: whether {}, {} are lost is not known{}",
                                        count_of(neither_.blocks, "block"), bytes_of(neither_.bytes),
                                        why_neither_.empty() ? "" : ": " + why_neither_));
  }

  std::string held_text() const {
    return fmt::format("{}, {} {} still reachable", count_of(held_.blocks, "block"), bytes_of(held_.bytes),
                       held_.blocks == 1 ? "is" : "are");
  }

  int judge(const Snapshot& snapshot, const Tally& now) const {
    if (now.stacks.empty() && now.bad_frees.empty() && held_.blocks != 0)
      return answer_no_leak(fmt::format("no lost block; {}{}: {}", held_text(), remarks(now), now.program));
    if (now.stacks.empty() && now.bad_frees.empty())
      return answer_no_leak(fmt::format(
          "no leak: nothing{}{} is live after {} and {}{}: {}", min_age_ > 0 ? " of that age" : "",
          suppressed_ != 0 ? " but what is suppressed"
          : runtimes_ != 0 ? " but what runtimes keep"
                           : "",
          count_of(snapshot.allocations, "allocation"), count_of(snapshot.frees, "free"), remarks(now), now.program));
    std::vector<std::string> parts;
    if (!now.stacks.empty()) parts.push_back(amount_of(now, what()));
    if (!now.bad_frees.empty()) parts.push_back(count_of(now.bad_free_count(), "bad free"));
    return answer(kLeak, fmt::format("{}{}{}{}; {}", now.stacks.empty() ? "no leak, but " : "leak: ",
                                     fmt::join(parts, ", "), remarks(now), held_.blocks == 0 ? "" : "; " + held_text(),
                                     now.stacks.empty() ? first_of(now.bad_frees) : largest_of(now.stacks)));
  }

  int compare_with(const Tally& baseline, const Tally& now) const {
    const auto stacks = compare(baseline.stacks, now.stacks);
    const auto bad_frees = compare(baseline.bad_frees, now.bad_frees);
    const Changes fresh = total_of(stacks, Fate::kNew), grown = total_of(stacks, Fate::kGrown);
    Changes lost = total_of(stacks, Fate::kLost);
    const Changes bad = total_of(bad_frees, Fate::kNew), more_bad = total_of(bad_frees, Fate::kGrown);
    const std::uint64_t better = total_of(stacks, Fate::kGone).stacks + total_of(stacks, Fate::kShrunk).stacks;
    if (better != 0)
      say(fmt::format("note: less is {} than {} says, in {}: --write-baseline makes it the new measure",
                      kinds_.finds_lost ? "lost" : "live", baseline_, count_of(better, "stack") + " by function"));
    if (!kinds_.finds_lost && lost.stacks != 0) {  // as much is live as before, or less
      say(fmt::format("note: more is lost than {} says, in {}; the first: {}: --lost fails on that", baseline_,
                      count_of(lost.stacks, "stack") + " by function", first_with(stacks, {Fate::kLost})));
      lost = {};
    }
    std::vector<std::string> parts;
    if (fresh.stacks != 0) parts.push_back(count_of(fresh.stacks, "new stack") + " by function");
    if (grown.stacks != 0) parts.push_back(count_of(grown.stacks, "stack") + " by function that grew");
    if (lost.stacks != 0)
      parts.push_back(count_of(lost.stacks, "stack") + " by function whose blocks were still reachable");
    if (!parts.empty())
      parts.push_back(fmt::format("{:+} blocks and {:+} bytes", fresh.blocks + grown.blocks + lost.blocks,
                                  fresh.bytes + grown.bytes + lost.bytes));
    if (bad.stacks + more_bad.stacks != 0)
      parts.push_back(count_of(static_cast<std::uint64_t>(bad.blocks + more_bad.blocks), "bad free") + " more");
    if (parts.empty())
      return answer_no_leak(fmt::format("no new leak: {}, {} are known{}{}", amount_of(now, what()),
                                        count_of(now.bad_free_count(), "bad free"), remarks(now),
                                        held_.blocks == 0 ? "" : "; " + held_text()));
    const bool is_leak = fresh.stacks + grown.stacks + lost.stacks != 0;
    std::vector<Fate> worse = {Fate::kNew, Fate::kGrown};
    if (kinds_.finds_lost) worse.push_back(Fate::kLost);
    return answer(kLeak, fmt::format("{}{} against {}{}; the first: {}", is_leak ? "leak: " : "no new leak, but ",
                                     fmt::join(parts, ", "), baseline_, remarks(now),
                                     first_with(is_leak ? stacks : bad_frees, worse)));
  }

  static std::string first_with(const std::vector<Difference>& differences, const std::vector<Fate>& fates) {
    const auto first = std::find_if(differences.begin(), differences.end(), [&](const Difference& difference) {
      return std::find(fates.begin(), fates.end(), difference.fate) != fates.end();
    });
    return first == differences.end() ? "" : own_frame_of(first->stack());
  }

  const char* what() const { return kinds_.finds_lost ? "lost block" : "live block"; }

  static std::string largest_of(const std::vector<TallyStack>& stacks) {
    const auto largest =
        std::max_element(stacks.begin(), stacks.end(), [](const auto& a, const auto& b) { return a.bytes < b.bytes; });
    return "the largest: " + own_frame_of(*largest);
  }

  static std::string first_of(const std::vector<TallyStack>& bad_frees) {
    return fmt::format("{}: {}", bad_frees.front().call, own_frame_of(bad_frees.front()));
  }

  std::string remarks(const Tally& now) const {
    std::string text = suppressed_ == 0 ? "" : fmt::format(", {} suppressed", count_of(suppressed_, "block"));
    if (runtimes_ != 0) text += fmt::format(", {} kept by runtimes", count_of(runtimes_, "block"));
    if (now.state == name_of(State::kRunning)) text += " (it is still running)";
    if (now.state == name_of(State::kKilled)) text += " (it did not leave through exit)";
    return text;
  }

  std::string directory_, baseline_, new_baseline_;
  KindOptions kinds_;
  Amount held_, neither_;  // with --lost: what is still reachable, and what may be lost as well
  std::string why_neither_;
  std::vector<std::string> alloc_fns_;
  double min_age_ = 0;
  std::uint64_t suppressed_ = 0, runtimes_ = 0;  // blocks that are left out, and not of the program's own
  SuppressionOptions suppression_options_;
  SymbolOptions symbol_options_;
};

}  // namespace

std::unique_ptr<Command> make_check() { return std::make_unique<CheckCommand>(); }

}  // namespace leakdir::tool
