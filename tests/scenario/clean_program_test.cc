// SPDX-License-Identifier: BSL-1.0
//
// A program that frees all of its own leaves no record, whatever libc and the C++ runtime keep for themselves.

#include <gtest/gtest.h>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

std::string test_name(const testing::TestParamInfo<std::string>& info) { return case_name(info.param); }

class CleanProgram : public testing::TestWithParam<std::string> {
 protected:
  void leaves_nothing(const std::string& name, const std::string& options) {
    const Outcome outcome = run_in(scratch_, target(name, GetParam()), {options, {}, {}, 60});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(outcome.err, "");
    expect_clean(scratch_ / "mem");
    EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, 0u);
  }
  Scratch scratch_;
};

TEST_P(CleanProgram, InCLeavesNoRecord) { leaves_nothing("clean_c", ""); }
TEST_P(CleanProgram, InCxxLeavesNoRecord) { leaves_nothing("clean_cxx", ""); }
TEST_P(CleanProgram, InCLeavesNoRecordInSyncMode) { leaves_nothing("clean_c", "write=sync"); }
TEST_P(CleanProgram, InCxxLeavesNoRecordInSyncMode) { leaves_nothing("clean_cxx", "write=sync"); }
TEST_P(CleanProgram, InCxxLeavesNoRecordInExitMode) { leaves_nothing("clean_cxx", "write=exit"); }
TEST_P(CleanProgram, InCxxLeavesNoRecordWithTheCallerOnly) { leaves_nothing("clean_cxx", "unwind=caller"); }

INSTANTIATE_TEST_SUITE_P(Linked, CleanProgram, testing::ValuesIn(every_linking()), test_name);

INSTANTIATE_TEST_SUITE_P(Preloaded, CleanProgram, testing::Values("preload"), test_name);

// What the unwinder allocates is known by its functions, by the one that calls malloc too.
class ThrowingProgram : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(ThrowingProgram, ShowsNothingWhenNobodyWasAskedAtExit) {
  const auto& [kind, unwind] = GetParam();
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("throws", kind), {"unwind=" + unwind, {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const nlohmann::json json = report(scratch / "mem");
  EXPECT_EQ(json.at("state"), "killed");
  EXPECT_EQ(totals_of(json).blocks, 0u) << json.dump(1);
}

INSTANTIATE_TEST_SUITE_P(Linked, ThrowingProgram,
                         testing::Combine(testing::Values("static", "static-pie", "pie", "nopie", "preload"),
                                          testing::Values("caller", "fast", "boost")),
                         [](const testing::TestParamInfo<ThrowingProgram::ParamType>& info) {
                           return case_name(std::get<0>(info.param) + "_" + std::get<1>(info.param));
                         });

class EmptyProgram : public testing::TestWithParam<std::string> {};

TEST_P(EmptyProgram, LeavesNoRecord) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("empty", GetParam()));
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(outcome.out + outcome.err, "");
  expect_clean(scratch / "mem");
}

// Every static program of glibc 2.36 holds five blocks from its start-up (_dl_get_origin, _dl_new_object,
// _dl_init_paths twice, _dl_find_object_init), one of 2.31 six (_dl_important_hwcaps and _dl_non_dynamic_init in place
// of the last), a dynamic one none.
constexpr std::size_t kFromStartUp = __GLIBC_PREREQ(2, 35) ? 5 : 6;

TEST_P(EmptyProgram, ShowsLibcsOwnBlocksWhenAsked) {
  const Scratch scratch;
  ASSERT_TRUE(run_in(scratch, target("empty", GetParam()), {"libc=1", {}, {}, 60}).exited_with(0));
  const std::vector<Record> records = records_in(scratch / "mem");
  if (GetParam().rfind("static", 0) == 0) {
    EXPECT_EQ(records.size(), kFromStartUp);
  } else {
    EXPECT_EQ(records.size(), 0u);
  }
  EXPECT_EQ(totals_of(report(scratch / "mem")).blocks, records.size());
}

INSTANTIATE_TEST_SUITE_P(Linked, EmptyProgram, testing::ValuesIn(kEveryKind), test_name);
INSTANTIATE_TEST_SUITE_P(Preloaded, EmptyProgram, testing::Values("preload"), test_name);

}  // namespace
}  // namespace leakdir_test
