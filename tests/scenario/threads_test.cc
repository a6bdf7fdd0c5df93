// SPDX-License-Identifier: BSL-1.0
//
// Eight threads that free each other's blocks: exactly the survivors have records, in each write mode.

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "survivors.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

struct Mode {
  const char* write;
  const char* operations;  // of each thread
  std::string base;        // where the records lie
};

class Threads : public testing::TestWithParam<std::tuple<std::string, Mode>> {};

TEST_P(Threads, LeaveExactlyTheSurvivors) {
  const auto& [kind, mode] = GetParam();
  const Scratch scratch(mode.base);
  expect_survivors(scratch / "mem", run_in(scratch, target("exchange", kind),
                                           {std::string("write=") + mode.write, {"8", mode.operations}, {}, 240}));
}

// The writer and a free settle who removes a file by a barrier that the writer makes all threads pass; where the system
// has none, each free has its own. Files of blocks that die young are many here.
TEST_P(Threads, WithoutABarrierForAllLeaveExactlyTheSurvivors) {
  const auto& [kind, mode] = GetParam();
  const Scratch scratch(mode.base);
  expect_survivors(scratch / "mem", run_in(scratch, target("refused", "none"),
                                           {std::string("write=") + mode.write,
                                            {std::to_string(SYS_membarrier), target("exchange", kind), "8", "20000"},
                                            {},
                                            240}));
}

std::string name_of(const testing::TestParamInfo<Threads::ParamType>& info) {
  return case_name(std::get<0>(info.param) + "_" + std::get<1>(info.param).write);
}

INSTANTIATE_TEST_SUITE_P(Linked, Threads,
                         testing::Combine(testing::Values("static", "pie"),
                                          testing::Values(Mode{"behind", "200000", "/tmp"},
                                                          Mode{"behind:delay_ms=1", "100000", "/tmp"},
                                                          Mode{"exit", "200000", "/tmp"})),
                         name_of);
INSTANTIATE_TEST_SUITE_P(InSyncMode, Threads,
                         testing::Values(std::tuple<std::string, Mode>("static", {"sync", "30000", in_memory()}),
                                         std::tuple<std::string, Mode>("pie", {"sync", "20000", in_memory()})),
                         name_of);

// What was held for a thread that has ended serves the next one.
class ThreadChurn : public testing::TestWithParam<std::string> {};

TEST_P(ThreadChurn, DoesNotGrow) {
  const Scratch scratch;
  const Outcome outcome = run_in(scratch, target("thread_churn", GetParam()));
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(expected_by(outcome.out).size(), 2u);
  expect_exactly(expected_by(outcome.out), records_in(scratch / "mem"));
}

// A row that another thread has by now says nothing of a block any more: its thread is unknown, and no other's.
TEST_P(ThreadChurn, ABlockIsNeverSaidToBeOfAThreadThatCameLater) {
  constexpr std::size_t kThreads = 17000, kRows = (1 << 14) - 1;  // one is the first thread's
  const Scratch scratch(in_memory());
  const Outcome outcome =
      run_in(scratch, target("more_threads_than_rows", GetParam()), {"write=exit:max_files=20000", {}, {}, 240});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Record> records = records_in(scratch / "mem");
  EXPECT_EQ(records.size(), kThreads);
  std::size_t known = 0;
  for (const Record& record : records) {
    if (record.thread_name == "?") continue;
    EXPECT_EQ(record.thread_name, "of " + std::to_string(record.size));
    ++known;
  }
  EXPECT_EQ(known, kRows - 1);
}

INSTANTIATE_TEST_SUITE_P(Linked, ThreadChurn, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
