// SPDX-License-Identifier: BSL-1.0
#include "load_tally.hh"

#include <sys/stat.h>

#include <utility>

#include "analyse/report_model.hh"
#include "leave_out.hh"
#include "load/bytes.hh"
#include "load/load.hh"
#include "look_up.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kMaxReport = std::size_t{1} << 30;

}  // namespace

bool is_json(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || S_ISDIR(status.st_mode)) return false;
  if (!S_ISREG(status.st_mode)) return true;  // a pipe: nothing else can be read through one
  char first = 0;
  return FileBytes(path).read(0, &first, 1) == 1 && first == '{';
}

std::optional<Snapshot> snapshot_to_compare(const std::string& path) {
  return is_json(path) ? std::nullopt : std::optional<Snapshot>(load(path));
}

MadeTally tally_of(const Snapshot& snapshot, const TallyOptions& options) {
  GroupOptions group_options;
  group_options.lists_libc = snapshot.lists_libc;
  group_options.min_age_ns = static_cast<std::int64_t>(options.min_age * 1e9);
  Grouped grouped = group(snapshot, group_options);
  std::vector<std::string> warnings;
  auto rules = read_suppressions(options.suppressions, snapshot, warnings);
  const auto symbols = make_dwfl_symbols(options.symbols, snapshot);
  const FrameLines lines = look_up(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), *symbols);
  Wrappers wrappers(options.alloc_fns);
  wrappers.learn(snapshot, grouped, lines);
  MadeTally made;
  made.without_use = unused(leave_out(options.suppressions, std::move(rules), snapshot, lines, grouped));
  for (const auto& use : grouped.runtimes) {
    made.kept_by_runtimes.blocks += use.blocks;
    made.kept_by_runtimes.bytes += use.bytes;
  }
  made.suppressed = {grouped.suppressed_blocks, grouped.suppressed_bytes};
  for (const auto& group : grouped.groups) {
    made.estimate += group.all;
    if (ledger::is_lost(group.reach)) made.estimate_of_lost += group.all;
  }
  made.tally = tally_of(snapshot, grouped, lines, wrappers, options.figures);
  for (const auto& more : {warnings, symbols->warnings()})
    made.tally.warnings.insert(made.tally.warnings.end(), more.begin(), more.end());
  return made;
}

Tally tally_at(const std::string& path, const std::optional<Snapshot>& loaded, const TallyOptions& options) {
  if (loaded) return tally_of(*loaded, options).tally;
  Tally tally = tally_of_json(read_text(path, kMaxReport), path, options.figures);
  suppress(tally, read_suppressions(options.suppressions, {}, tally.warnings));
  return tally;
}

}  // namespace leakdir::tool
