// SPDX-License-Identifier: BSL-1.0
#include "report_json.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "paths.hh"

namespace leakdir_test {

Outcome run_tool(const std::vector<std::string>& arguments, const std::string& cwd) {
  Command command = {{kTool}, cwd, {}, "", 120};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return run(command);
}

nlohmann::json report(const std::string& dir, const std::vector<std::string>& more_arguments) {
  std::vector<std::string> arguments = {"report", "--format", "json"};
  arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
  arguments.push_back(dir);
  const Outcome outcome = run_tool(arguments);
  if (!outcome.exited_with(0) || !outcome.err.empty())
    throw std::runtime_error("leakdir report: " + outcome.describe());
  nlohmann::json json = nlohmann::json::parse(outcome.out);
  if (json.at("version") != 1) throw std::runtime_error("leakdir report: not version 1");
  ReportedBlocks sum;
  for (const auto& stack : json.at("stacks")) {
    sum.blocks += stack.at("blocks").get<std::uint64_t>();
    sum.bytes += stack.at("bytes").get<std::uint64_t>();
  }
  const ReportedBlocks totals = totals_of(json);
  if (sum.blocks != totals.blocks || sum.bytes != totals.bytes ||
      json.at("totals").at("stacks") != json.at("stacks").size()) {
    throw std::runtime_error("leakdir report: the stacks do not add up to the totals: " + outcome.out.substr(0, 2000));
  }
  return json;
}

ReportedBlocks totals_of(const nlohmann::json& report) {
  return {report.at("totals").at("blocks").get<std::uint64_t>(), report.at("totals").at("bytes").get<std::uint64_t>()};
}

std::vector<std::uint64_t> addresses_in(const nlohmann::json& report) {
  std::vector<std::uint64_t> result;
  for (const auto& stack : report.at("stacks")) {
    for (const auto& address : stack.at("addresses")) {
      result.push_back(std::stoull(address.get<std::string>(), nullptr, 16));
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

nlohmann::json stack_through(const nlohmann::json& report, const std::string& function, int line) {
  for (const auto& stack : report.at("stacks")) {
    for (const auto& frame : stack.at("frames")) {
      if (frame.value("function", "") == function && frame.value("line", 0) == line) return stack;
    }
  }
  return nullptr;
}

void expect_shown(const nlohmann::json& report, const std::vector<Expected>& expected, std::uint64_t workers) {
  for (const Expected& block : expected) {
    const nlohmann::json stack = stack_through(report, block.function, block.line);
    ASSERT_FALSE(stack.is_null()) << block.function;
    EXPECT_EQ(stack.at("bytes"), block.size);
  }
  EXPECT_GE(totals_of(report).blocks, expected.size());
  EXPECT_LE(totals_of(report).blocks, expected.size() + workers);
  EXPECT_EQ(report.at("bad_frees").size(), 0u);
}

void expect_recovered_after_kill(const std::string& dir, std::size_t records) {
  EXPECT_EQ(report(dir).at("state"), "killed");
  const Outcome recovered = run_tool({"recover", dir});
  EXPECT_TRUE(recovered.exited_with(0)) << recovered.describe();
  EXPECT_EQ(records_in(dir).size(), records);
  EXPECT_TRUE(run_tool({"check", dir}).exited_with(23));
}

}  // namespace leakdir_test
