// SPDX-License-Identifier: BSL-1.0
//
// leakdir check: is there a leak? For a job of continuous integration, and as an alert: one line on standard output,
// the stacks that are to blame, and the exit status. What else is to be said goes to standard error.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "analyse/largest.hh"
#include "analyse/trust.hh"
#include "analyse/verdict.hh"
#include "base/error.hh"
#include "base/now.hh"
#include "base/output.hh"
#include "base/words.hh"
#include "command.hh"
#include "common_options.hh"
#include "emit/emit_check.hh"
#include "load/bytes.hh"
#include "load/load.hh"
#include "load_tally.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kMaxBaseline = 256 << 20;
constexpr std::size_t kTop = 5;  // for who reads it

const std::map<std::string, void (*)(const CheckReport&, const Sink&)> kFormats = {
    {"text", emit_check_text},   {"json", emit_check_json},     {"junit", emit_check_junit},
    {"sarif", emit_check_sarif}, {"github", emit_check_github}, {"gcc", emit_check_gcc},
};

int status_of(Answer answer) { return answer == Answer::kNoLeak ? 0 : answer == Answer::kLeak ? 23 : 3; }

class CheckCommand : public Command {
 public:
  void describe(CLI::App& app) override {
    add_directories(app, directories_, "make one baseline, with the largest that there is of each stack");
    add_flag(app, "--all", is_of_all_, "With all processes that have recorded in DIR/<pid>/, as one");
    add_file(app, "--baseline", baseline_, "Fail only on stacks that are new, or have grown, since this was written");
    add_file(app, "--write-baseline", new_baseline_, "Store what there is as known, for --baseline");
    add_flag(app, "--new-only", limits_.only_new, "With --baseline: fail on stacks that are new, not on growth");
    add_allowance(app, "--allow-growth", limits_.growth, "With --baseline: a known stack may grow by so many bytes");
    add_bytes(app, "--max-bytes", limits_.max_bytes, "Fail only if more than this is live (with --lost: lost)");
    add_file(app, "--since", earlier_,
             "Fail only if all stacks together hold more than here: a saved file, a report or a baseline in JSON");
    add_allowance(app, "--max-growth", limits_.max_growth, "With --since: so much more may be live");
    add_number(app, "--top", top_, "Show this many stacks, or none (5; in json, junit and sarif all)");
    add_format(app, format_, {"text", "json", "junit", "sarif", "github", "gcc"});
    add_file(app, "-o,--output", output_, "Write that to a file; the text goes to standard output all the same");
    add_text(app, "--source-root", source_root_, "Name source files in sarif, github and gcc from here on (.)", "DIR");
    add_lost(app, kinds_);
    add_core(app, kinds_);
    add_min_age(app, options_.min_age);
    add_alloc_fn(app, options_.alloc_fns);
    add_suppression_options(app, options_.suppressions);
    add_symbol_options(app, options_.symbols);
    add_rule(app, [this] { return contradiction(); });
    add_footer(
        app,
        "Exit status: 0 no leak; 23 live blocks or bad frees; 3 no trustworthy data: no hooks ran, a damaged ledger, "
        "blocks that could not be recorded, the program was built again and did not run; with --lost, no kinds; 1 "
        "could not (a baseline that cannot be read); 2 "
        "usage.");
  }

  int run() override {
    // These are mistakes of the job, not of the program: they come first, whatever there is in the directory.
    read_what_to_compare_with();
    std::vector<Tally> runs;
    for (const auto& directory : directories_) {
      if (!new_baseline_.empty() && is_json(directory)) {
        runs.push_back(tally_of_json(read_text(directory, kMaxBaseline), directory));
        continue;
      }
      std::string doubt = look_at(directory);
      if (!doubt.empty() && directories_.size() > 1) doubt = fmt::format("{}: {}", directory, doubt);
      if (!doubt.empty()) return answer(Verdict::without_trust(doubt));
      runs.push_back(judged_.now);
    }
    const Tally all = largest_of(runs);
    if (!new_baseline_.empty()) write_whole(new_baseline_, baseline_text(all), 0666);
    if (!new_baseline_.empty() && judged_.against == Judged::Against::kNothing)
      return answer({Answer::kNoLeak,
                     fmt::format("baseline written to {}: {}, {}", new_baseline_, amount_of(all),
                                 count_of(all.bad_free_count(), "bad free")),
                     {},
                     {},
                     {}});
    if (kinds_.finds_lost) leave_lost_blocks();
    const Verdict verdict = judge(judged_, limits_);
    if (verdict.answer == Answer::kLeak && is_of_all_ && !judged_.no_proof.empty() && !judged_.is_sample)
      note("there may be more: " + judged_.no_proof);
    return answer(verdict);
  }

 private:
  std::string contradiction() const {
    if (!baseline_.empty() && !earlier_.empty()) return "--baseline and --since are two ways to compare: one of them";
    if (baseline_.empty() && (limits_.only_new || limits_.growth))
      return "--new-only and --allow-growth are about a --baseline";
    if (earlier_.empty() && limits_.max_growth) return "--max-growth says how much more may be live --since FILE";
    if (directories_.size() > 1 && (new_baseline_.empty() || !baseline_.empty() || !earlier_.empty()))
      return "several directories make a baseline, by --write-baseline alone; one is checked";
    return {};
  }

  void read_what_to_compare_with() {
    judged_.finds_lost = kinds_.finds_lost;
    judged_.is_filtered = options_.min_age > 0;
    if (!baseline_.empty()) {
      judged_.against = Judged::Against::kBaseline;
      judged_.before = tally_of_json(read_text(baseline_, kMaxBaseline), baseline_);
      if (judged_.before.sample_bytes != 0)
        throw Error(baseline_ + " is of a sample, in which stacks are missing: it cannot tell what is new");
    } else if (!earlier_.empty()) {
      judged_.against = Judged::Against::kEarlier;
      options_.figures = Figures::kEstimated;
      const auto snapshot = snapshot_to_compare(earlier_);
      if (snapshot) add_build_ids(*snapshot, options_.symbols);
      judged_.before = tally_at(earlier_, snapshot, options_);
      const auto& stacks = judged_.before.stacks;
      if (kinds_.finds_lost && !stacks.empty() &&
          std::none_of(stacks.begin(), stacks.end(), [](const auto& stack) { return stack.knows_kinds(); }))
        throw Error(fmt::format("{} does not tell which blocks were lost then", earlier_));
    }
  }

  // Why it cannot be trusted; empty: it can, and judged_.now has what there is.
  std::string look_at(const std::string& directory) {
    Snapshot snapshot;
    std::string doubt;
    try {
      // "No leak" is said if each can be trusted.
      snapshot = load_all(
          {directory}, is_of_all_, [&](std::vector<Snapshot>& snapshots) { doubt = look_at_each(snapshots); },
          BlocksWanted::kAll, Unreadable::kIsAnError);
    } catch (const NothingThere& error) {
      doubt = std::string(error.what()) + "; did the program run, linked with leakdir?";
    } catch (const Error& error) {
      doubt = error.what();
    }
    time_ns_ = snapshot.end_ns;
    for (const auto& notice : snapshot.notices) note(notice);
    if (!doubt.empty()) {
      std::vector<std::string> unread;  // bad suppressions of the user's are a mistake all the same
      read_suppressions(options_.suppressions, snapshot, unread);
      return doubt;
    }
    if (!new_baseline_.empty() && !judged_.no_proof.empty())
      return judged_.is_sample ? "a baseline has all live blocks, and this is a sample of them" : judged_.no_proof;
    MadeTally made = tally_of(snapshot, options_);
    for (const auto& sentence : made.without_use) note(sentence);
    if (kinds_.finds_lost && snapshot.unread_bytes != 0)
      note(
          fmt::format("{} of memory could not be read by who looked for lost blocks", bytes_of(snapshot.unread_bytes)));
    if (snapshot.unrecorded != 0)
      note(fmt::format("{} below min_size were not recorded", count_of(snapshot.unrecorded, "allocation")));
    for (const auto& warning : made.tally.warnings) {
      say("warning: " + warning);
      warnings_.push_back(warning);
    }
    judged_.why_neither = why_no_kinds(snapshot);
    judged_.estimate = kinds_.finds_lost ? made.estimate_of_lost : made.estimate;
    judged_.suppressed_blocks = made.suppressed.blocks;
    judged_.runtime_blocks = made.kept_by_runtimes.blocks;
    judged_.allocations = snapshot.allocations;
    judged_.frees = snapshot.frees;
    judged_.now = std::move(made.tally);
    return {};
  }

  // Why nothing can be said. With --all what one process is not to be believed, or does not tell, takes nothing from
  // what another has leaked: it keeps "no leak" from being said.
  std::string look_at_each(std::vector<Snapshot>& snapshots) {
    std::string doubt;
    const std::vector<std::string> without_kinds = find_kinds_of_each(kinds_, snapshots);
    for (std::size_t i = 0; i < snapshots.size(); ++i) {
      const Snapshot& one = snapshots[i];
      std::string why = distrust(one);
      if (doubt.empty() && !is_of_all_) doubt = why.empty() ? without_kinds[i] : why;
      if (why.empty()) why = without_kinds[i];
      if (why.empty() && is_of_all_) why = why_not_all(one);
      if (why.empty()) why = why_no_proof(one);
      judged_.is_sample |= one.sample_bytes != 0;
      if (!why.empty() && is_of_all_) why = fmt::format("process {}: {}", one.pid, why);
      if (judged_.no_proof.empty()) judged_.no_proof = why;
    }
    return doubt;
  }

  void leave_lost_blocks() {
    judged_.held = held_in(judged_.now);
    judged_.neither = neither_in(judged_.now);
    judged_.now = lost_part_of(judged_.now);
    judged_.before = lost_part_of_baseline(judged_.before);
  }

  void note(const std::string& sentence) {
    say("note: " + sentence);
    notes_.push_back(sentence);
  }

  int answer(const Verdict& verdict) {
    for (const auto& sentence : verdict.notes) note(sentence);
    const auto shown = [&](bool is_for_people, std::size_t found) {
      return std::min<std::uint64_t>(found, top_.value_or(is_for_people ? kTop : found));
    };
    const auto print = [&](const std::string& format, const Sink& sink) {
      const bool is_for_people = format == "text" || format == "github" || format == "gcc";
      kFormats.at(format)(
          {verdict, judged_.now, judged_.against != Judged::Against::kNothing, judged_.before, notes_, warnings_,
           shown(is_for_people, verdict.stacks.size()), shown(is_for_people, verdict.bad_frees.size()),
           std::filesystem::absolute(source_root_).lexically_normal().string(), time_ns_ == 0 ? now_ns() : time_ns_,
           LEAKDIR_VERSION},
          sink);
    };
    if (!output_.empty()) {
      std::string whole;
      print(format_, [&](std::string_view text) { whole += text; });
      write_whole(output_, whole, 0666);
    }
    Output output("");
    print(output_.empty() ? format_ : "text", [&](std::string_view text) { output.write(text); });
    output.finish();
    return status_of(verdict.answer);
  }

  std::vector<std::string> directories_;
  bool is_of_all_ = false;
  std::string baseline_, new_baseline_, earlier_, format_ = "text", output_, source_root_ = ".";
  std::optional<std::uint64_t> top_;
  Limits limits_;
  KindOptions kinds_;
  TallyOptions options_;

  Judged judged_;
  std::int64_t time_ns_ = 0;
  std::vector<std::string> notes_, warnings_;
};

}  // namespace

std::unique_ptr<Command> make_check() { return std::make_unique<CheckCommand>(); }

}  // namespace leakdir::tool
