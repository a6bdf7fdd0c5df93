// SPDX-License-Identifier: BSL-1.0
//
// Each system call of the object fails, one after the other, in each of the ways that it can; once, or from then on.
// The program does its work all the same, and is told of it in one line at most.

#include <errno.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "paths.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

// What the calls that the object makes can give on a machine that is full, forbidding, old or broken.
constexpr int kErrors[] = {EIO,   ENOSPC, EMFILE, ENOMEM, EACCES, ENOSYS, EINTR,
                           EROFS, EAGAIN, EPERM,  ENOENT, EINVAL, EDQUOT};
constexpr unsigned kErrorCount = sizeof kErrors / sizeof *kErrors;

#ifdef LONG_TESTS
constexpr unsigned kErrorsEach = kErrorCount;
constexpr long kOneByOne = 500;
#else
constexpr unsigned kErrorsEach = 1;  // another one for each call
constexpr long kOneByOne = 25;
#endif
constexpr long kStride = 61;  // beyond kOneByOne, where the same calls come again and again

struct Fault {
  long number;
  int error;
  bool goes_on;
};

class EachCallFails : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  // Whether the fault happened at all: the program may make fewer calls.
  bool run_with(const Fault& fault) {
    const auto& [kind, write] = GetParam();
    const Scratch scratch(in_memory());
    const std::string report = scratch / "report";
    RunOptions options = {"summary=0:delay_ms=1:write=" + write, {}, {}, 60};
    if (fault.number != 0) {
      options.env["LEAKDIR_FAULT"] = std::to_string(fault.number) + " " + std::to_string(fault.error) +
                                     (fault.goes_on ? " on " : " once ") + report;
    }
    ++runs_;
    const Outcome outcome = run_in(scratch, std::string(kFaultPrograms) + "/works.faulty-" + kind, options);
    std::string call = "none";
    const bool happened = static_cast<bool>(std::ifstream(report) >> call);
    SCOPED_TRACE("call " + std::to_string(fault.number) + " (system call " + call + ") fails with " +
                 std::to_string(fault.error) + (fault.goes_on ? " from then on" : " once"));
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    if (fault.number == 0) {
      expected_ = outcome.out;
      EXPECT_EQ(outcome.err, "");
    }
    EXPECT_EQ(outcome.out, expected_);
    EXPECT_LE(lines_of(outcome.err).size(), 2u) << outcome.err;  // of the program and of its child: one each
    EXPECT_EQ(outcome.err.find("unknown error"), std::string::npos) << outcome.err;
    // Never silently off: whatever fails alone, there is a ledger, or a line.
    if (!fault.goes_on && !exists(scratch / "mem/.ledger")) {
      EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
    }
    return happened;
  }

  std::string expected_;
  int runs_ = 0;
};

TEST_P(EachCallFails, AndTheProgramDoesItsWork) {
  run_with({0, 0, false});
  ASSERT_EQ(expected_.rfind("sum ", 0), 0u) << expected_;
  long number = 1;
  for (bool happens = true; happens && !HasFailure(); number += number < kOneByOne ? 1 : kStride) {
    happens = false;  // in none of these runs: with a helper the number of calls is another one each time
    for (unsigned i = 0; i < kErrorsEach; ++i) {
      const int error = kErrors[(static_cast<unsigned>(number) + i) % kErrorCount];
      for (const bool goes_on : {false, true}) happens |= run_with({number, error, goes_on});
    }
  }
  EXPECT_GT(number, 40) << "hardly a call was made";
  std::printf("%d runs, up to call %ld\n", runs_, number);
}

INSTANTIATE_TEST_SUITE_P(Of, EachCallFails,
                         testing::Combine(testing::Values("static", "dynamic"),
                                          testing::Values("behind", "sync", "exit")),
                         [](const testing::TestParamInfo<EachCallFails::ParamType>& info) {
                           return case_name(std::get<0>(info.param) + "_" + std::get<1>(info.param));
                         });

}  // namespace
}  // namespace leakdir_test
