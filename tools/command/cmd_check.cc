// SPDX-License-Identifier: BSL-1.0
//
// leakdir check: is there a leak? For a job of continuous integration: one line on standard output, and the exit
// status. What else is to be said goes to standard error.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "analyse/compare.hh"
#include "analyse/report_model.hh"
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

std::string amount_of(const Tally& tally) {
  return fmt::format("{}, {} in {}", count_of(tally.blocks(), "live block"), bytes_of(tally.bytes()),
                     count_of_stacks(tally));
}

class CheckCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directory(app, directory_);
    add_file(app, "--baseline", baseline_, "Fail only on stacks that are new, or have grown, since this was written");
    add_file(app, "--write-baseline", new_baseline_, "Store what there is as known, for --baseline");
    add_min_age(app, min_age_);
    add_alloc_fn(app, alloc_fns_);
    add_suppression_options(app, suppression_options_);
    add_symbol_options(app, symbol_options_);
    add_footer(
        app,
        "Exit status: 0 no leak; 23 live blocks or bad frees; 3 no trustworthy data: no hooks ran, a damaged ledger, "
        "blocks that could not be recorded; 1 could not (a baseline that cannot be read); 2 usage.");
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
    std::vector<std::string> warnings;
    auto rules = read_suppressions(suppression_options_, snapshot, warnings);
    for (const auto& notice : snapshot.notices) say("note: " + notice);
    if (!doubt.empty()) return answer(kNoTrust, "no trustworthy data: " + doubt);

    const Tally now = tally(snapshot, std::move(rules), warnings);
    if (snapshot.unrecorded != 0)
      say(fmt::format("note: {} below min_size were not recorded", count_of(snapshot.unrecorded, "allocation")));
    for (const auto& warning : warnings) say("warning: " + warning);
    if (!new_baseline_.empty()) write_whole(new_baseline_, baseline_text(now), 0666);
    if (!baseline_.empty()) return compare_with(baseline, now);
    if (!new_baseline_.empty())
      return answer(kNoLeak, fmt::format("baseline written to {}: {}, {}", new_baseline_, amount_of(now),
                                         count_of(now.bad_free_count(), "bad free")));
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
    for (const auto& sentence : unused(suppress(snapshot, lines, std::move(rules), grouped))) say("note: " + sentence);
    suppressed_ = grouped.suppressed_blocks;
    warnings.insert(warnings.end(), snapshot.warnings.begin(), snapshot.warnings.end());
    for (auto& warning : symbols->warnings()) warnings.push_back(std::move(warning));
    return tally_of(snapshot, grouped, lines, wrappers);
  }

  int judge(const Snapshot& snapshot, const Tally& now) const {
    if (now.stacks.empty() && now.bad_frees.empty())
      return answer(
          kNoLeak,
          fmt::format("no leak: nothing{}{} is live after {} and {}{}: {}", min_age_ > 0 ? " of that age" : "",
                      suppressed_ != 0 ? " but what is suppressed" : "", count_of(snapshot.allocations, "allocation"),
                      count_of(snapshot.frees, "free"), remarks(now), now.program));
    std::vector<std::string> parts;
    if (!now.stacks.empty()) parts.push_back(amount_of(now));
    if (!now.bad_frees.empty()) parts.push_back(count_of(now.bad_free_count(), "bad free"));
    return answer(kLeak,
                  fmt::format("{}{}{}; {}", now.stacks.empty() ? "no leak, but " : "leak: ", fmt::join(parts, ", "),
                              remarks(now), now.stacks.empty() ? first_of(now.bad_frees) : largest_of(now.stacks)));
  }

  int compare_with(const Tally& baseline, const Tally& now) const {
    const auto stacks = compare(baseline.stacks, now.stacks);
    const auto bad_frees = compare(baseline.bad_frees, now.bad_frees);
    const Changes fresh = total_of(stacks, Fate::kNew), grown = total_of(stacks, Fate::kGrown);
    const Changes bad = total_of(bad_frees, Fate::kNew), more_bad = total_of(bad_frees, Fate::kGrown);
    const std::uint64_t better = total_of(stacks, Fate::kGone).stacks + total_of(stacks, Fate::kShrunk).stacks;
    if (better != 0)
      say(fmt::format("note: less is live than {} says, in {}: --write-baseline makes it the new measure", baseline_,
                      count_of(better, "stack") + " by function"));
    std::vector<std::string> parts;
    if (fresh.stacks != 0) parts.push_back(count_of(fresh.stacks, "new stack") + " by function");
    if (grown.stacks != 0) parts.push_back(count_of(grown.stacks, "stack") + " by function that grew");
    if (!parts.empty())
      parts.push_back(
          fmt::format("{:+} blocks and {:+} bytes", fresh.blocks + grown.blocks, fresh.bytes + grown.bytes));
    if (bad.stacks + more_bad.stacks != 0)
      parts.push_back(count_of(static_cast<std::uint64_t>(bad.blocks + more_bad.blocks), "bad free") + " more");
    if (parts.empty())
      return answer(kNoLeak, fmt::format("no new leak: {}, {} are known{}", amount_of(now),
                                         count_of(now.bad_free_count(), "bad free"), remarks(now)));
    const bool is_leak = fresh.stacks + grown.stacks != 0;
    const auto& shown = is_leak ? stacks : bad_frees;
    const auto worst = std::find_if(shown.begin(), shown.end(), [](const Difference& difference) {
      return difference.fate == Fate::kNew || difference.fate == Fate::kGrown;
    });
    return answer(kLeak, fmt::format("{}{} against {}{}; the first: {}", is_leak ? "leak: " : "no new leak, but ",
                                     fmt::join(parts, ", "), baseline_, remarks(now), own_frame_of(worst->stack())));
  }

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
    if (now.state == name_of(State::kRunning)) text += " (it is still running)";
    if (now.state == name_of(State::kKilled)) text += " (it was killed)";
    return text;
  }

  std::string directory_, baseline_, new_baseline_;
  std::vector<std::string> alloc_fns_;
  double min_age_ = 0;
  std::uint64_t suppressed_ = 0;
  SuppressionOptions suppression_options_;
  SymbolOptions symbol_options_;
};

}  // namespace

std::unique_ptr<Command> make_check() { return std::make_unique<CheckCommand>(); }

}  // namespace leakdir::tool
