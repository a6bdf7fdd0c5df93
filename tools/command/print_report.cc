// SPDX-License-Identifier: BSL-1.0
#include "print_report.hh"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "analyse/runtime_code.hh"
#include "analyse/suppressions_for.hh"
#include "analyse/trust.hh"
#include "base/error.hh"
#include "base/words.hh"
#include "emit/emit.hh"
#include "leave_out.hh"
#include "look_up.hh"

namespace leakdir::tool {

namespace {

constexpr std::int64_t kRecentNs = 60'000'000'000;

// Bottom-up is by function, unless the user says otherwise.
By by_of(const ReportOptions& options) {
  const auto word = std::find(std::begin(kByWords), std::end(kByWords), options.group_by);
  const By by = static_cast<By>(word - std::begin(kByWords));
  return by == By::kStack && options.is_bottom_up ? By::kFunction : by;
}

// Where the program's own frames and those of its libraries are in sources.
std::set<SourcePlace> places_of(const FrameLines& lines) {
  std::set<SourcePlace> places;
  for (const auto& of_frame : lines)
    for (const auto& line : of_frame)
      if (!line.file.empty() && !is_runtime_line(line)) places.emplace(line.file, line.line);
  return places;
}

// Live blocks, of the kinds that the user named if any were. That a text shows others in one line does not matter here.
std::uint64_t counted_blocks(const Grouped& grouped, const KindOptions& options) {
  std::uint64_t blocks = grouped.blocks;
  if (!options.finds_lost && options.kinds.empty())
    for (const auto& hidden : grouped.hidden) blocks += hidden.blocks;
  return blocks;
}

}  // namespace

void add_report_options(CLI::App& app, ReportOptions& options) {
  add_top(app, options.top, "all");
  add_min_age(app, options.min_age);
  add_sort(app, options.sort, {"bytes", "blocks", "age"});
  add_lost(app, options.kinds);
  add_core(app, options.kinds);
  add_kinds(app, options.kinds);
  add_libc(app, options.lists_libc);
  add_alloc_fn(app, options.alloc_fns);
  add_group_by(app, options.group_by, options.is_bottom_up);
  add_format(app, options.format, {"text", "json", "html", "folded", "pprof"});
  add_color(app, options.color);
  add_error_exitcode(app, options.error_exitcode, "live blocks or bad frees are listed");
  add_suppression_options(app, options.suppressions);
  add_flag(app, "--gen-suppressions", options.generates_suppressions,
           "Print suppressions for what is listed, ready to paste", "Suppressions");
  add_symbol_options(app, options.symbols);
  add_flag(app, "--no-source-lines", options.hides_sources,
           "In html: leave out the lines of the sources, which it shows where those are here", "Symbols");
}

void check_report_options(const ReportOptions& options) {
  const int descriptor = options.output == kStandardError ? STDERR_FILENO : STDOUT_FILENO;
  const bool goes_to_file = !options.output.empty() && options.output != kStandardError;
  if (options.format == "pprof" && !goes_to_file && isatty(descriptor))
    throw Error("a pprof profile is binary and nothing for a terminal: --output FILE says where to write it");
  if (options.format == "html") require_html();
  if (by_of(options) != By::kStack && options.format != "text" && options.format != "json")
    throw Error(fmt::format("--group-by and --bottom-up are for text and json; who reads {} groups as they like",
                            options.format));
  if (options.is_bottom_up && options.format != "text")
    throw Error("--bottom-up is for text; in json each stack has its frames");
  if (by_of(options) != By::kStack && options.generates_suppressions)
    throw Error("--gen-suppressions is for stacks, and not for what --group-by makes of them");
}

ReportFiles open_report_files(const ReportOptions& options) {
  ReportFiles files;
  files.suppressions = read_suppression_files(options.suppressions);
  files.output = std::make_unique<Output>(options.output);
  return files;
}

int print_report(const Snapshot& snapshot, const ReportOptions& wanted, ReportFiles files) {
  GroupOptions options;
  options.lists_libc = wanted.lists_libc || snapshot.lists_libc;
  options.min_age_ns = static_cast<std::int64_t>(wanted.min_age * 1e9);
  options.sort =
      std::map<std::string, Sort>{{"bytes", Sort::kBytes}, {"blocks", Sort::kBlocks}, {"age", Sort::kAge}}.at(
          wanted.sort);
  Grouped grouped = group(snapshot, options);
  std::vector<std::string> warnings = snapshot.warnings;
  auto rules = with_the_programs(std::move(files.suppressions), wanted.suppressions, snapshot, warnings);

  Parts parts;
  auto shown = [&] {
    if (parts.by == By::kStack)
      return wanted.top == 0 ? grouped.groups.size() : std::min(wanted.top, grouped.groups.size());
    std::size_t stacks = 0;  // of the parts that are shown, which come first
    for (std::size_t i = 0; i < parts.shown; ++i) stacks += parts.parts[i].groups.size();
    return stacks;
  };
  const auto symbols = make_dwfl_symbols(wanted.symbols, snapshot);
  // Suppressions and wrappers go by the names in all stacks and not only in those that are shown.
  const FrameLines lines = look_up(snapshot, shown_stacks(snapshot, grouped, grouped.groups.size()), *symbols);
  if (grouped.groups.empty()) {  // where there are frames to name, it is said of them
    if (std::string replaced = replaced_since(snapshot); !replaced.empty()) warnings.push_back(std::move(replaced));
  }
  Wrappers wrappers(wanted.alloc_fns);
  wrappers.learn(snapshot, grouped, lines);
  auto suppressions = leave_out(wanted.suppressions, std::move(rules), snapshot, lines, grouped);
  // Only what is for reading says where to look; programs have the times of all stacks.
  std::vector<Stayer> stayers;
  if (wanted.format == "text" || wanted.format == "html")
    stayers = stayers_of(snapshot, grouped, lines, wrappers).stayers;
  // What is for reading leads with what is lost; programs have all, and each stack says its kind.
  const bool is_for_reading = wanted.format == "text" && !wanted.generates_suppressions;
  keep_kinds(grouped, kinds_to_list(wanted.kinds, is_for_reading ? kLostKinds : kAllKinds));

  if (by_of(wanted) != By::kStack) {
    parts = parts_of(by_of(wanted), snapshot, lines, wrappers, grouped);
    parts.is_bottom_up = wanted.is_bottom_up;
    if (wanted.top != 0) parts.shown = std::min(wanted.top, parts.shown);
  }

  for (auto& warning : symbols->warnings()) warnings.push_back(std::move(warning));
  Report report{snapshot, grouped, lines, shown(), options.min_age_ns > 0, warnings, std::move(suppressions)};
  report.wrappers = wrappers;
  report.stayers = std::move(stayers);
  report.unreadable = symbols->unreadable();
  if (parts.by != By::kStack) report.parts = &parts;
  const Growth growth = recent_growth(snapshot, grouped, kRecentNs);
  if (snapshot.state == State::kRunning && snapshot.end_ns - snapshot.start_ns > kRecentNs) report.growth = &growth;
  if (files.output == nullptr) files.output = std::make_unique<Output>(wanted.output);
  Output& output = *files.output;
  const Sink sink = [&](std::string_view text) { output.write(text); };
  if (wanted.generates_suppressions) {
    const MadeSuppressions made = suppressions_for(snapshot, lines, grouped, shown(), wrappers);
    sink(made.text);
    warnings.insert(warnings.end(), made.warnings.begin(), made.warnings.end());
    for (const auto& warning : with_damage(snapshot, warnings)) say("warning: " + warning);
  } else if (wanted.format == "json") {
    emit_json(report, sink);
  } else if (wanted.format == "folded") {
    emit_folded(report, sink);
  } else if (wanted.format == "html") {
    SourceTexts sources;
    if (!wanted.hides_sources) sources = source_texts(places_of(lines), snapshot.start_ns);
    report.sources = &sources;
    emit_html(report, sink);
  } else if (wanted.format == "pprof") {
    emit_pprof(report, sink);
  } else {
    emit_text(report, {wants_colour(wanted.color, wanted.output), columns_for(wanted.output)}, sink);
  }
  output.finish();
  return counted_blocks(grouped, wanted.kinds) != 0 || snapshot.bad_frees_seen != 0 ? wanted.error_exitcode : 0;
}

}  // namespace leakdir::tool
