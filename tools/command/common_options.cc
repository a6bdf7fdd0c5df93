// SPDX-License-Identifier: BSL-1.0
//
// See common_options.hh.

#include "common_options.hh"

#include <iterator>

#include "load/bytes.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kMaxSuppressions = 16 << 20;

// An option that is one of some words.
void add_choice(CLI::App& app, const std::string& name, std::string& choice, const std::vector<std::string>& choices,
                const std::string& help, const std::string& type) {
  app.add_option(name, choice, help)->type_name(type)->check(CLI::IsMember(choices))->capture_default_str();
}

}  // namespace

void add_directory(CLI::App& app, std::string& directory) {
  directory = "./mem";
  app.add_option("DIR", directory, "The record directory of the program")->capture_default_str();
}

void add_symbol_options(CLI::App& app, SymbolOptions& options) {
  app.add_option("--program", options.program, "The program's file, if it is not where it was when it ran")
      ->type_name("FILE")
      ->group("Symbols");
  app.add_option("--sysroot", options.sysroot, "A copy of the device's file system, to find the libraries in")
      ->type_name("DIR")
      ->group("Symbols");
  app.add_option("--debug-path", options.debug_paths, "Where debug files and .build-id/ are (may be given again)")
      ->type_name("DIR")
      ->allow_extra_args(false)
      ->group("Symbols");
  app.add_flag("--debuginfod", options.asks_debuginfod, "Fetch what is not here from the servers of DEBUGINFOD_URLS")
      ->group("Symbols");
}

CLI::Validator no_nan() {
  return {[](std::string& text) { return text.find_first_of("nN") == std::string::npos ? "" : text + " is no number"; },
          ""};
}

void add_min_age(CLI::App& app, double& seconds) {
  app.add_option("--min-age", seconds, "Leave out blocks that are younger than this")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e9))
      ->check(no_nan());
}

void add_top(CLI::App& app, std::size_t& stacks, const std::string& otherwise) {
  app.add_option("--top", stacks, "Show this many stacks (" + otherwise + ")")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
}

void add_sort(CLI::App& app, std::string& key, const std::vector<std::string>& keys) {
  add_choice(app, "--sort", key, keys, "Largest first by this", "KEY");
}

void add_libc(CLI::App& app, bool& lists_libc) {
  app.add_flag("--libc", lists_libc, "List libc's and the C++ runtime's own blocks too");
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
  app.add_option("--timeout", seconds, "Wait this long for the process to answer")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e6))
      ->check(no_nan())
      ->capture_default_str();
}

std::chrono::milliseconds patience_of(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

void add_suppression_options(CLI::App& app, SuppressionOptions& options) {
  app.add_option("--suppressions", options.files, "Leave out what this file, in LeakSanitizer's syntax, names")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group("Suppressions");
  app.add_flag("--no-default-suppressions", options.without_the_programs,
               "Pass over those of the program itself, __lsan_default_suppressions()")
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
