// SPDX-License-Identifier: BSL-1.0
//
// Blocks from before main and after it, in each linking, plain -static being the hardest: its unwind tables are
// registered late, and go early.

#include <gtest/gtest.h>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

constexpr size_t kBlocks = 11;

class EarlyAndLate : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(EarlyAndLate, BlocksAreRecordedAtTheirLines) {
  const auto& [kind, options] = GetParam();
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("early_late", kind), {options, {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(expected_by(outcome.out).size(), kBlocks);
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
  EXPECT_TRUE(names_in(scratch / "mem", ".badfree").empty());
  EXPECT_EQ(totals_of(report(scratch / "mem")).blocks, kBlocks);
}

#ifdef __x86_64__
// The fast walk has tables from before the first constructor to behind the last destructor.
TEST_P(EarlyAndLate, BlocksHaveWholeStacks) {
  const auto& [kind, options] = GetParam();
  if (options == "unwind=boost") GTEST_SKIP() << "Boost must wait in a static program";
  const Scratch scratch;
  ASSERT_TRUE(run_in(scratch, target("early_late", kind), {options, {}, {}, 60}).exited_with(0));
  for (const Record& record : records_in(scratch / "mem")) {
    EXPECT_FALSE(record.early || record.truncated) << record.file;
    EXPECT_GE(record.stack.frames.size(), 2u) << record.file;
  }
}
#endif

INSTANTIATE_TEST_SUITE_P(Linked, EarlyAndLate,
                         testing::Combine(testing::ValuesIn(every_linking()),
                                          testing::Values("write=behind", "write=sync", "write=exit", "unwind=boost")),
                         [](const testing::TestParamInfo<EarlyAndLate::ParamType>& info) {
                           return case_name(std::get<0>(info.param) + "_" + std::get<1>(info.param));
                         });

INSTANTIATE_TEST_SUITE_P(Preloaded, EarlyAndLate,
                         testing::Combine(testing::Values("preload"), testing::Values("write=behind", "unwind=boost")),
                         [](const testing::TestParamInfo<EarlyAndLate::ParamType>& info) {
                           return case_name(std::get<1>(info.param));
                         });

// With the caller alone, a block of operator new is known by its size only: its caller is the C++ library.
class EarlyAndLateByCaller : public testing::TestWithParam<std::string> {};

TEST_P(EarlyAndLateByCaller, BlocksAreAllRecorded) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("early_late", GetParam()), {"unwind=caller", {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::vector<Expected> of_c;
  for (const Expected& block : expected_by(outcome.out)) {
    if (block.call.rfind("operator new", 0) != 0) of_c.push_back(block);
  }
  std::vector<Record> records_of_c, all = records_in(scratch / "mem");
  for (const Record& record : all) {
    if (record.size != 1423 && record.size != 1427) records_of_c.push_back(record);
  }
  EXPECT_EQ(all.size(), kBlocks);
  EXPECT_EQ(of_c.size(), kBlocks - 2);
  expect_exactly(of_c, records_of_c);
}

INSTANTIATE_TEST_SUITE_P(Linked, EarlyAndLateByCaller, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
