// SPDX-License-Identifier: BSL-1.0
//
// Each way to allocate, leaked once, gives one record with the right size, whose caller leads to the right line.

#include <gtest/gtest.h>

#include "defined.hh"
#include "expected_kinds.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

class EachWay : public testing::TestWithParam<std::string> {
 protected:
  void gives_one_record(const std::string& name, const std::string& options, size_t ways) {
    const Outcome outcome = run_in(scratch_, target(name, GetParam()), {options, {}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const std::vector<Expected> expected = expected_by(outcome.out);
    ASSERT_EQ(expected.size(), ways);
    const std::vector<Record> records = records_in(scratch_ / "mem");
    expect_exactly(expected, records);
    EXPECT_TRUE(names_in(scratch_ / "mem", ".badfree").empty());
    const std::string summary = "leakdir: " + std::to_string(ways) + " live blocks, " +
                                std::to_string(total_bytes(records)) + " bytes at exit: ./mem" +
                                kinds_at_exit(scratch_ / "mem") + "\n";
    EXPECT_EQ(outcome.err, summary);
    is_in_the_report(expected, total_bytes(records));
  }

  void is_in_the_report(const std::vector<Expected>& expected, std::uint64_t bytes) {
    const nlohmann::json json = report(scratch_ / "mem");
    EXPECT_EQ(totals_of(json).blocks, expected.size());
    EXPECT_EQ(totals_of(json).bytes, bytes);
    for (const Expected& block : expected) {
      const nlohmann::json stack = stack_through(json, block.function, block.line);
      ASSERT_FALSE(stack.is_null()) << block.function << ":" << block.line;
      EXPECT_EQ(stack.at("blocks"), 1) << block.function;
      EXPECT_EQ(stack.at("bytes"), block.size) << block.function;
    }
  }
  Scratch scratch_;
};

constexpr size_t kWaysInC = 22, kWaysOfNew = 10;

TEST_P(EachWay, InCGivesOneRecord) { gives_one_record("each_way", "", kWaysInC); }
TEST_P(EachWay, InCGivesOneRecordInSyncMode) { gives_one_record("each_way", "write=sync", kWaysInC); }
TEST_P(EachWay, InCGivesOneRecordInExitMode) { gives_one_record("each_way", "write=exit", kWaysInC); }
TEST_P(EachWay, OfOperatorNewGivesOneRecord) { gives_one_record("each_new", "", kWaysOfNew); }
TEST_P(EachWay, OfOperatorNewGivesOneRecordByBoost) { gives_one_record("each_new", "unwind=boost", kWaysOfNew); }

// Of the functions that leakdir hooks each that gives a block is among the ways.
TEST(WaysInC, AreByEachFunction) {
  const Scratch scratch;
  ASSERT_TRUE(run_in(scratch, target("each_way", "pie")).exited_with(0));
  Names calls;
  for (const Record& record : records_in(scratch / "mem")) calls.insert(record.call);
  Names giving = defined_hooks();
  for (const char* other : {"free", "malloc_usable_size"}) giving.erase(other);
  EXPECT_EQ(calls, giving);
}

INSTANTIATE_TEST_SUITE_P(Linked, EachWay, testing::ValuesIn(every_linking()),
                         [](const testing::TestParamInfo<std::string>& info) { return case_name(info.param); });

INSTANTIATE_TEST_SUITE_P(Preloaded, EachWay, testing::Values("preload"));

// realloc that moves or resizes replaces the record; one that fails leaves it as it was.
class ReallocRecord : public testing::TestWithParam<std::string> {};

TEST_P(ReallocRecord, IsReplacedWhenTheBlockMovesAndKeptWhenItDoesNot) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("moves_a_block", GetParam()), {"", {"files"}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::string seen;
  for (const std::string& line : lines_of(outcome.out)) {
    if (line.rfind("expect", 0) != 0 && !line.empty()) seen += line + "\n";
  }
  EXPECT_EQ(seen, "first size=1101\nsecond size=150001\nthird size=150001\nfourth size=1109\n");
  const std::vector<Record> records = records_in(scratch / "mem");
  expect_exactly(expected_by(outcome.out), records);
}

INSTANTIATE_TEST_SUITE_P(Linked, ReallocRecord, testing::Values("static", "pie", "preload"));

}  // namespace
}  // namespace leakdir_test
