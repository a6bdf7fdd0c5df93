// SPDX-License-Identifier: BSL-1.0
//
// Options that several commands have, so that they are spelled and explained the same everywhere.

#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "analyse/suppressions.hh"
#include "load/snapshot.hh"
#include "symbols/symbols.hh"

namespace leakdir::tool {

void add_directory(CLI::App& app, std::string& directory);
void add_symbol_options(CLI::App& app, SymbolOptions& options);
void add_min_age(CLI::App& app, double& seconds);
// `otherwise`: how many there are without it, in words.
void add_top(CLI::App& app, std::size_t& stacks, const std::string& otherwise);
void add_sort(CLI::App& app, std::string& key, const std::vector<std::string>& keys);
void add_libc(CLI::App& app, bool& lists_libc);
void add_format(CLI::App& app, std::string& format, const std::vector<std::string>& formats);
void add_color(CLI::App& app, std::string& when);
// `when`: what makes the command end with it, in words.
void add_error_exitcode(CLI::App& app, int& status, const std::string& when);

// CLI::Range lets it through.
CLI::Validator no_nan();

// How long to wait for the answer of a running process, in seconds.
inline constexpr double kPatience = 10;
void add_patience(CLI::App& app, double& seconds);
std::chrono::milliseconds patience_of(double seconds);

struct SuppressionOptions {
  std::vector<std::string> files;
  bool without_the_programs = false;
};
void add_suppression_options(CLI::App& app, SuppressionOptions& options);
// Those of the files. A file that cannot be read, or a bad line in it, throws Error.
std::vector<Suppression> read_suppression_files(const SuppressionOptions& options);
// The same, and after them the program's own, in which a bad line is a warning.
std::vector<Suppression> with_the_programs(std::vector<Suppression> rules, const SuppressionOptions& options,
                                           const Snapshot& snapshot, std::vector<std::string>& warnings);
// Both at once.
std::vector<Suppression> read_suppressions(const SuppressionOptions& options, const Snapshot& snapshot,
                                           std::vector<std::string>& warnings);

}  // namespace leakdir::tool
