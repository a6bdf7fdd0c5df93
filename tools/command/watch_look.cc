// SPDX-License-Identifier: BSL-1.0
#include "watch_look.hh"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.hh"
#include "base/words.hh"
#include "leave_out.hh"
#include "load/load.hh"
#include "symbols/remembered_symbols.hh"

namespace leakdir::tool {

Look Looker::look() {
  Look look;
  if (options_.is_of_all) {
    look.snapshot = load_all({options_.directory}, true, [&](auto& snapshots) { find_kinds_of_all(snapshots); });
  } else {
    look.snapshot = load(options_.directory);
    find_kinds_of(look.snapshot);
  }
  if (symbols_ != nullptr) return look;
  pid_ = look.snapshot.pid;
  start_ns_ = look.snapshot.start_ns;
  symbols_ = std::make_unique<RememberedSymbols>(make_dwfl_symbols(options_.symbols, look.snapshot));
  return look;
}

// What cannot be known at the first look is an error; later, a warning in what is shown.
void Looker::find_kinds_of(Snapshot& snapshot) const {
  try {
    find_kinds(options_.kinds, snapshot);
  } catch (const Error& error) {
    if (symbols_ == nullptr) throw;
    snapshot.warnings.emplace_back(error.what());
  }
}

void Looker::find_kinds_of_all(std::vector<Snapshot>& snapshots) const {
  const std::vector<std::string> doubts = symbols_ == nullptr ? find_kinds_of_some(options_.kinds, snapshots)
                                                              : find_kinds_of_each(options_.kinds, snapshots);
  for (std::size_t i = 0; i < doubts.size(); ++i)
    if (!doubts[i].empty()) snapshots[i].warnings.push_back(doubts[i]);
}

// Measures before it names, where it may: what is left out is left out of both.
void Looker::arrange(Look& look, const Arrangement& arrangement) {
  const Snapshot& snapshot = look.snapshot;
  GroupOptions options;
  options.lists_libc = options_.lists_libc || snapshot.lists_libc;
  options.min_age_ns = static_cast<std::int64_t>(options_.min_age * 1e9);
  const std::map<std::string, Sort> by = {{"blocks", Sort::kBlocks}, {"age", Sort::kAge}};
  if (by.count(arrangement.sort) != 0) options.sort = by.at(arrangement.sort);
  look.grouped = group(snapshot, options);
  look.warnings = snapshot.warnings;
  auto rules = read_suppressions(options_.suppressions, snapshot, look.warnings);
  const bool names_all = goes_by_names(options_.suppressions, rules) || arrangement.by != By::kStack;
  const auto name = [&](std::size_t shown, std::size_t and_this) {
    auto stacks = shown_stacks(snapshot, look.grouped, shown);
    if (and_this < look.grouped.groups.size()) stacks.push_back(look.grouped.groups[and_this].stack);
    look.lines = symbolise(snapshot, stacks, *symbols_);
  };
  if (names_all) name(look.grouped.groups.size(), look.grouped.groups.size());
  look.suppressions = leave_out(options_.suppressions, std::move(rules), snapshot, look.lines, look.grouped);
  look.wrappers = Wrappers(options_.alloc_fns);
  look.stayers.clear();
  if (names_all) {
    look.wrappers.learn(snapshot, look.grouped, look.lines);
    look.stayers = stayers_of(snapshot, look.grouped, look.lines, look.wrappers).stayers;
  }
  keep_kinds(look.grouped, kinds_to_list(options_.kinds, kAllKinds));
  look.parts = {};
  if (arrangement.by != By::kStack)
    look.parts = parts_of(arrangement.by, snapshot, look.lines, look.wrappers, look.grouped);
  look.growth = meter_.measure(snapshot, look.grouped);
  if (arrangement.by == By::kStack) {
    if (arrangement.sort == "growth") sort_by_growth(look.grouped, look.growth);
    if (!names_all) {
      name(std::min(arrangement.most_named, look.grouped.groups.size()), grew_most(look.growth));
      look.wrappers.learn(snapshot, look.grouped, look.lines);
    }
  }
  for (auto& warning : symbols_->warnings()) look.warnings.push_back(std::move(warning));
}

// The start of several is that of the first of them, which may be another one's than the directory's.
bool Looker::has_another(const Look& look) const {
  return look.snapshot.pid != pid_ || (!options_.is_of_all && look.snapshot.start_ns != start_ns_);
}

bool Looker::has_ended(const Look& look) const {
  if (has_another(look)) return true;
  if (!options_.is_of_all) return look.snapshot.state != State::kRunning;
  const auto& all = look.snapshot.processes;
  return std::none_of(all.begin(), all.end(), [](const Process& one) { return one.state == State::kRunning; });
}

std::string Looker::how_it_ended(const Look& look) const {
  if (has_another(look))
    return fmt::format("process {} has ended, and process {} has its directory now", pid_, look.snapshot.pid);
  if (const std::size_t all = look.snapshot.processes.size(); all > 1)
    return fmt::format("all {} processes have ended", all);
  if (!look.snapshot.went_on_as.empty())
    return fmt::format("process {} went on as {}", pid_, printable(look.snapshot.went_on_as));
  return fmt::format("process {} {}", pid_,
                     look.snapshot.state == State::kExited ? "has exited" : "did not leave through exit");
}

Report report_of(const Look& look, std::size_t first, std::size_t end, bool is_filtered) {
  Report report{look.snapshot, look.grouped,  look.lines,       std::min(end, look.grouped.groups.size()),
                is_filtered,   look.warnings, look.suppressions};
  report.first = first;
  report.growth = &look.growth;
  report.wrappers = look.wrappers;
  report.stayers = look.stayers;
  return report;
}

}  // namespace leakdir::tool
