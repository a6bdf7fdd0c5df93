// SPDX-License-Identifier: BSL-1.0
//
// What `check` prints: the verdict, and the stacks that it fails on, for reading and for those who show it elsewhere;
// one file each, emit_check_<format>.cc. Pure.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "analyse/verdict.hh"
#include "emit.hh"

namespace leakdir::tool {

struct CheckReport {
  const Verdict& verdict;
  const Tally& now;
  bool is_compared;  // there is something that it was compared with: `before`
  const Tally& before;
  std::vector<std::string> notes, warnings;
  std::size_t shown, shown_bad_frees;  // of verdict.stacks, and of verdict.bad_frees; 0: the line alone
  std::string source_root;             // files below it are named from there on: "/home/you/project"
  std::int64_t time_ns;                // that the verdict is about
  std::string version;                 // of the tool
};

void emit_check_text(const CheckReport& report, const Sink& sink);
// Version 1. Keys are never renamed or removed.
void emit_check_json(const CheckReport& report, const Sink& sink);
// XML as Ant's JUnit task and Jenkins have it: each stack is a test that failed, no leak is one that passed.
void emit_check_junit(const CheckReport& report, const Sink& sink);
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/, for code scanning.
void emit_check_sarif(const CheckReport& report, const Sink& sink);
// As a compiler writes its errors, for editors.
void emit_check_gcc(const CheckReport& report, const Sink& sink);
// Workflow commands of GitHub Actions, which show up beside the line in a pull request.
void emit_check_github(const CheckReport& report, const Sink& sink);

}  // namespace leakdir::tool
