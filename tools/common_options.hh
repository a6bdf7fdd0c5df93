// SPDX-License-Identifier: BSL-1.0
//
// Options that several commands have, so that they are spelled and explained the same everywhere.

#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "snapshot.hh"
#include "suppressions.hh"
#include "symbols.hh"

namespace leakdir::tool {

void add_directory(CLI::App& app, std::string& directory);
void add_symbol_options(CLI::App& app, SymbolOptions& options);

// How long to wait for the answer of a running process, in seconds.
inline constexpr double kPatience = 10;
void add_patience(CLI::App& app, double& seconds);
std::chrono::milliseconds patience_of(double seconds);

struct SuppressionOptions {
  std::vector<std::string> files;
  bool without_the_programs = false;
};
void add_suppression_options(CLI::App& app, SuppressionOptions& options);
// Those of the files, then the program's own. A bad line in a file throws Error; in the program's, it is a warning.
std::vector<Suppression> read_suppressions(const SuppressionOptions& options, const Snapshot& snapshot,
                                           std::vector<std::string>& warnings);

}  // namespace leakdir::tool
