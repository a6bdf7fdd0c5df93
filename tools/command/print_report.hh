// SPDX-License-Identifier: BSL-1.0
//
// The report of a directory, as `report` prints it, and `run` when the program has ended.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/output.hh"
#include "common_options.hh"

namespace leakdir::tool {

struct ReportOptions {
  std::size_t top = 0;
  double min_age = 0;
  std::string sort = "bytes", format = "text", output, color = "auto";
  bool lists_libc = false;
  KindOptions kinds;
  std::string group_by = "stack";
  bool is_bottom_up = false;
  std::vector<std::string> alloc_fns;
  int error_exitcode = 0;
  bool generates_suppressions = false;
  SuppressionOptions suppressions;
  SymbolOptions symbols;
  bool hides_sources = false;
};

// All but `output`, which the two spell differently.
void add_report_options(CLI::App& app, ReportOptions& options);

// Throws Error when the format does not suit where the report would go.
void check_report_options(const ReportOptions& options);

// The files that the user named for it.
struct ReportFiles {
  std::vector<Suppression> suppressions;
  std::unique_ptr<Output> output;  // none: print_report opens it once it knows what to write
};

// Opens them all. A mistake in one is said before the program runs, not after. Throws Error.
ReportFiles open_report_files(const ReportOptions& options);

// Returns the exit status: error_exitcode when live blocks or bad frees are listed, else 0.
int print_report(const Snapshot& snapshot, const ReportOptions& wanted, ReportFiles files);

}  // namespace leakdir::tool
