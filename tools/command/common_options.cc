// SPDX-License-Identifier: BSL-1.0
#include "common_options.hh"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "analyse/parts.hh"
#include "base/error.hh"
#include "load/bytes.hh"
#include "reach/find_lost.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kMaxSuppressions = 16 << 20;

// An option that is one of some words.
void add_choice(CLI::App& app, const std::string& name, std::string& choice, const std::vector<std::string>& choices,
                const std::string& help, const std::string& type) {
  app.add_option(name, choice, help)->type_name(type)->check(CLI::IsMember(choices))->capture_default_str();
}

// CLI::Range lets it through.
CLI::Validator no_nan() {
  return {[](std::string& text) { return text.find_first_of("nN") == std::string::npos ? "" : text + " is no number"; },
          ""};
}

// CLI::PositiveNumber names the largest number there is when it says no.
CLI::Validator positive() {
  return {[](std::string& text) {
            const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
            const bool is_positive = is_number && text.find_first_not_of('0') != std::string::npos;
            return is_positive ? "" : text + " is no number above 0";
          },
          ""};
}

// `parse` gives a value, or none.
template <class Parse>
CLI::Validator parses(Parse parse, const std::string& what) {
  return {[parse, what](std::string& text) { return parse(text) ? "" : text + " is no " + what; }, ""};
}

// Why the kinds that are asked for, without a look of our own, cannot be known; empty: they can, or nobody asked.
std::string why_not_stored(const KindOptions& options, const Snapshot& snapshot) {
  const bool is_asked = !options.finds_lost && kinds_to_list(options, kAllKinds) != kAllKinds;
  return is_asked && !knows_kinds(snapshot) && has_listable(snapshot) ? kinds_not_known(snapshot) : "";
}

// `lost` is a word of ours, and not of Valgrind's lists: the three kinds of it.
std::optional<KindSet> parse_kinds_or_lost(const std::string& list) {
  std::string spelt_out;
  for (std::size_t at = 0, end; at <= list.size(); at = end + 1) {
    end = std::min(list.find(',', at), list.size());
    const std::string word = list.substr(at, end - at);
    spelt_out += (at == 0 ? "" : ",") + (word == "lost" ? words_of(kLostKinds) : word);
  }
  return parse_kinds(spelt_out);
}

// CLI11's own group, where none is named.
void put_into(CLI::Option* option, const std::string& group) {
  if (!group.empty()) option->group(group);
}

}  // namespace

void add_text(CLI::App& app, const std::string& name, std::string& text, const std::string& help,
              const std::string& type) {
  app.add_option(name, text, help)->type_name(type);
}

void add_file(CLI::App& app, const std::string& name, std::string& file, const std::string& help,
              const std::string& otherwise) {
  CLI::Option* option = app.add_option(name, file, help)->type_name("FILE");
  if (!otherwise.empty()) option->default_str(otherwise);
}

void add_flag(CLI::App& app, const std::string& name, bool& is_given, const std::string& help,
              const std::string& group) {
  put_into(app.add_flag(name, is_given, help), group);
}

void add_number(CLI::App& app, const std::string& name, std::optional<std::uint64_t>& number, const std::string& help) {
  app.add_option(name, number, help)->type_name("N");
}

void add_count(CLI::App& app, const std::string& name, std::size_t& count, const std::string& help) {
  app.add_option(name, count, help)->type_name("N")->check(positive());
}

void add_seconds(CLI::App& app, const std::string& name, double& seconds, double lowest, double highest,
                 const std::string& help, bool shows_default) {
  CLI::Option* option = app.add_option(name, seconds, help);
  option->type_name("SECONDS")->check(CLI::Range(lowest, highest))->check(no_nan());
  if (shows_default) option->capture_default_str();
}

void add_bytes(CLI::App& app, const std::string& name, std::optional<std::uint64_t>& bytes, const std::string& help) {
  app.add_option_function<std::string>(
         name, [&bytes](const std::string& text) { bytes = parse_bytes(text); }, help)
      ->type_name("BYTES")
      ->check(parses(parse_bytes, "number of bytes, such as 4096, 64k, 10M"));
}

void add_allowance(CLI::App& app, const std::string& name, std::optional<Allowance>& allowance,
                   const std::string& help) {
  app.add_option_function<std::string>(
         name, [&allowance](const std::string& text) { allowance = parse_allowance(text); }, help)
      ->type_name("BYTES|N%")
      ->check(parses(parse_allowance, "number of bytes or of percent, such as 64k, 10%"));
}

void add_rule(CLI::App& app, std::function<std::string()> wrong) {
  app.parse_complete_callback([&app, wrong = std::move(wrong)] {
    if (!app.remaining().empty()) return;  // a misspelt option, which will be named; its value was taken for a DIR
    if (const std::string sentence = wrong(); !sentence.empty()) throw CLI::ValidationError(sentence);
  });
}

void add_argument(CLI::App& app, const std::string& name, std::string& argument, const std::string& help) {
  app.add_option(name, argument, help)->required();
}

void add_program(CLI::App& app, std::vector<std::string>& command) {
  app.positionals_at_end();
  app.add_option("PROGRAM", command, "The program and its arguments")->required();
}

void add_footer(CLI::App& app, const std::string& text) { app.footer(text); }

void add_directory(CLI::App& app, std::string& directory) {
  directory = "./mem";
  app.add_option("DIR", directory, "The record directory of the program")->capture_default_str();
}

void add_directories(CLI::App& app, std::vector<std::string>& directories, const std::string& several) {
  directories = {"./mem"};
  app.add_option("DIR", directories, "The record directory of the program; several " + several)->capture_default_str();
}

void add_directory_and(CLI::App& app, const std::string& name, std::string& directory, std::string& argument,
                       const std::string& help,
                       std::function<std::string(const std::string& directory, const std::string& argument)> wrong) {
  app.add_option("DIR", directory, "The record directory of the program (./mem)");
  app.add_option(name, argument, help);
  app.parse_complete_callback([&app, &directory, &argument, name, wrong = std::move(wrong)] {
    if (!app.remaining().empty()) return;  // a misspelt option, which will be named
    if (argument.empty()) {
      if (directory.empty()) throw CLI::RequiredError(name);
      // What is alone is the last.
      argument = directory;
      directory = "./mem";
    }
    if (const std::string sentence = wrong(directory, argument); !sentence.empty())
      throw CLI::ValidationError(sentence);
  });
}

void add_debug_paths(CLI::App& app, SymbolOptions& options, const std::string& group) {
  CLI::Option* option =
      app.add_option("--debug-path", options.debug_paths,
                     "A debug file, or a directory that has some, by any name or in .build-id/ (may be given again)");
  put_into(option->type_name("PATH")->allow_extra_args(false), group);
}

void add_symbol_options(CLI::App& app, SymbolOptions& options) {
  app.add_option("--program", options.program, "The program's file, if it is not where it was when it ran")
      ->type_name("FILE")
      ->group("Symbols");
  app.add_option("--sysroot", options.sysroot, "A copy of the device's file system, to find the libraries in")
      ->type_name("DIR")
      ->group("Symbols");
  add_debug_paths(app, options, "Symbols");
  app.add_flag("--debuginfod", options.asks_debuginfod, "Fetch what is not here from the servers of DEBUGINFOD_URLS")
      ->group("Symbols");
}

void add_min_age(CLI::App& app, double& seconds) {
  add_seconds(app, "--min-age", seconds, 0, 1e9, "Leave out blocks that are younger than this", false);
}

void add_top(CLI::App& app, std::size_t& stacks, const std::string& otherwise) {
  add_count(app, "--top", stacks, "Show this many stacks (" + otherwise + ")");
}

void add_sort(CLI::App& app, std::string& key, const std::vector<std::string>& keys) {
  add_choice(app, "--sort", key, keys, "Largest first by this", "KEY");
}

void add_libc(CLI::App& app, bool& lists_libc) {
  app.add_flag("--libc", lists_libc, "List libc's and the C++ runtime's own blocks too");
}

void add_lost(CLI::App& app, KindOptions& options) {
  app.add_flag("--lost", options.finds_lost,
               "Find out which blocks nobody can reach any more, and leave out the others");
}

void add_core(CLI::App& app, KindOptions& options) {
  app.add_option_function<std::string>(
         "--core",
         [&options](const std::string& file) {
           options.core = file;
           options.finds_lost = true;
         },
         "Find it out from a core of the process (the kernel's or gcore's; zstd and lz4 too)")
      ->type_name("FILE");
}

void add_kinds(CLI::App& app, KindOptions& options) {
  const CLI::Validator is_list(
      [](std::string& text) {
        return parse_kinds_or_lost(text)
                   ? ""
                   : text +
                         " is no list of definite, indirect, possible (the three: lost) and reachable, "
                         "nor all, nor none";
      },
      "");
  app.add_option(
         "--kinds", options.kinds,
         "List these kinds, where they are known: some of definite,indirect,possible,reachable; lost is the first "
         "three; or all, or none (text: lost)")
      ->type_name("LIST")
      ->check(is_list);
}

BlocksWanted blocks_wanted(const KindOptions& options) {
  return options.finds_lost && options.core.empty() ? BlocksWanted::kNoneOfRunning : BlocksWanted::kAll;
}

void find_kinds(const KindOptions& options, Snapshot& snapshot) {
  if (options.finds_lost) find_lost(snapshot, options.core);
  if (const std::string doubt = why_not_stored(options, snapshot); !doubt.empty()) throw Error(doubt);
}

std::vector<std::string> find_kinds_of_each(const KindOptions& options, std::vector<Snapshot>& snapshots) {
  if (options.finds_lost) return find_lost_in_all(snapshots, options.core);
  std::vector<std::string> doubts;
  for (const Snapshot& snapshot : snapshots) doubts.push_back(why_not_stored(options, snapshot));
  return doubts;
}

std::vector<std::string> find_kinds_of_some(const KindOptions& options, std::vector<Snapshot>& snapshots) {
  std::vector<std::string> doubts = find_kinds_of_each(options, snapshots);
  bool is_some_known = false;
  for (std::size_t i = 0; i < snapshots.size(); ++i)
    is_some_known |= doubts[i].empty() && (has_listable(snapshots[i]) || snapshots.size() == 1);
  const auto first = std::find_if(doubts.begin(), doubts.end(), [](const auto& doubt) { return !doubt.empty(); });
  if (!is_some_known && first != doubts.end()) throw Error(*first);
  return doubts;
}

KindSet kinds_to_list(const KindOptions& options, KindSet otherwise) {
  if (!options.kinds.empty()) return parse_kinds_or_lost(options.kinds).value_or(kAllKinds);
  return options.finds_lost ? kLostKinds : otherwise;
}

void add_alloc_fn(CLI::App& app, std::vector<std::string>& names) {
  app.add_option(
         "--alloc-fn", names,
         "A function that allocates for others: its caller is named (* and ? are wildcards; may be given again)")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

void add_group_by(CLI::App& app, std::string& by, bool& is_bottom_up) {
  add_choice(app, "--group-by", by, {std::begin(kByWords), std::end(kByWords)}, "What to add up", "WHAT");
  app.add_flag("--bottom-up", is_bottom_up, "Below each function, or what --group-by says, show who called it");
}

void add_format(CLI::App& app, std::string& format, const std::vector<std::string>& formats) {
  add_choice(app, "--format", format, formats, "How to write it", "FORMAT");
}

void add_color(CLI::App& app, std::string& when) {
  add_choice(app, "--color", when, {"auto", "always", "never"}, "Whether to use colour", "WHEN");
}

void add_error_exitcode(CLI::App& app, int& status, const std::string& when) {
  app.add_option("--error-exitcode", status, "Exit status when " + when)->type_name("N")->check(CLI::Range(0, 255));
}

void add_patience(CLI::App& app, double& seconds) {
  add_seconds(app, "--timeout", seconds, 0, 1e6, "Wait this long for the process to answer", true);
}

std::chrono::milliseconds patience_of(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

void add_suppression_options(CLI::App& app, SuppressionOptions& options) {
  app.add_option("--suppressions", options.files,
                 "Leave out what this file, in LeakSanitizer's or Valgrind's syntax, names")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group("Suppressions");
  app.add_flag("--no-default-suppressions", options.without_the_programs,
               "Pass over those of the program itself, __lsan_default_suppressions()")
      ->group("Suppressions");
  app.add_flag("--no-runtime-suppressions", options.lists_runtimes,
               "List what the runtimes of languages keep for themselves too: Rust's standard library, GLib and others")
      ->group("Suppressions");
}

std::vector<Suppression> read_suppression_files(const SuppressionOptions& options) {
  std::vector<Suppression> rules;
  for (const auto& file : options.files) {
    auto more = parse_suppressions(read_text(file, kMaxSuppressions), file);
    rules.insert(rules.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  return rules;
}

std::vector<Suppression> with_the_programs(std::vector<Suppression> rules, const SuppressionOptions& options,
                                           const Snapshot& snapshot, std::vector<std::string>& warnings) {
  if (options.without_the_programs) return rules;
  for (auto& rule : parse_suppressions(snapshot.suppressions, "__lsan_default_suppressions()", &warnings)) {
    rule.is_the_programs = true;
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::vector<Suppression> read_suppressions(const SuppressionOptions& options, const Snapshot& snapshot,
                                           std::vector<std::string>& warnings) {
  return with_the_programs(read_suppression_files(options), options, snapshot, warnings);
}

}  // namespace leakdir::tool
