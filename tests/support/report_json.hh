// SPDX-License-Identifier: BSL-1.0
//
// `leakdir report --format json` on a directory, parsed, with the few questions that tests ask of it.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "json.hh"
#include "run_program.hh"
#include "target.hh"

namespace leakdir_test {

// Throws unless the command ends with 0, says nothing on stderr and prints JSON of version 1 whose totals add up.
nlohmann::json report(const std::string& dir, const std::vector<std::string>& more_arguments = {});

Outcome run_tool(const std::vector<std::string>& arguments, const std::string& cwd = "");

struct ReportedBlocks {
  std::uint64_t blocks = 0, bytes = 0;
};
ReportedBlocks totals_of(const nlohmann::json& report);
std::vector<std::uint64_t> addresses_in(const nlohmann::json& report);  // sorted

// The stack that has `function` in a frame at `line`; null JSON when there is none.
nlohmann::json stack_through(const nlohmann::json& report, const std::string& function, int line);

// Each expected block is shown with its function and line, and there is no bad free. Each of `workers` threads may hold
// one block more, of the call that it was in.
void expect_shown(const nlohmann::json& report, const std::vector<Expected>& expected, std::uint64_t workers);

// Of a process that was killed: the tool says so, makes the records that are missing, and finds the leak.
void expect_recovered_after_kill(const std::string& dir, std::size_t records);

}  // namespace leakdir_test
