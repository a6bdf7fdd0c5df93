// SPDX-License-Identifier: BSL-1.0
//
// See common_options.hh.

#include "common_options.hh"

#include <iterator>

#include "bytes.hh"

namespace leakdir::tool {

namespace {

constexpr std::size_t kMaxSuppressions = 16 << 20;

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

void add_patience(CLI::App& app, double& seconds) {
  app.add_option("--timeout", seconds, "Wait this long for the process to answer")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 1e6))
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

std::vector<Suppression> read_suppressions(const SuppressionOptions& options, const Snapshot& snapshot,
                                           std::vector<std::string>& warnings) {
  std::vector<Suppression> rules;
  for (const auto& file : options.files) {
    auto more = parse_suppressions(read_text(file, kMaxSuppressions), file);
    rules.insert(rules.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  if (options.without_the_programs) return rules;
  for (auto& rule : parse_suppressions(snapshot.suppressions, "__lsan_default_suppressions()", &warnings)) {
    rule.is_the_programs = true;
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace leakdir::tool
