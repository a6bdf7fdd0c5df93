// SPDX-License-Identifier: BSL-1.0

#include "survivors.hh"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>

#include "groups.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

std::map<std::uint64_t, std::uint64_t> survivors_in(const std::string& output) {
  std::map<std::uint64_t, std::uint64_t> result;
  for (const std::string& line : lines_of(output)) {
    const Groups m = groups_of(line, "live (0x[0-9a-f]+) (\\d+)");
    if (!m.empty()) result[std::stoull(m[1], nullptr, 16)] = std::stoull(m[2]);
  }
  return result;
}

}  // namespace

void expect_survivors(const std::string& dir, const Outcome& outcome) {
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::map<std::uint64_t, std::uint64_t> survivors = survivors_in(outcome.out);
  EXPECT_EQ(survivors.size(), 61u);
  std::map<std::uint64_t, std::uint64_t> recorded;
  for (const Record& record : records_in(dir)) recorded[record.address] = record.size;
  EXPECT_EQ(recorded, survivors);
  EXPECT_TRUE(names_in(dir, ".badfree").empty());
  EXPECT_EQ(totals_of(report(dir)).blocks, survivors.size());
}

}  // namespace leakdir_test
