// SPDX-License-Identifier: BSL-1.0
//
// The program behaves as without leakdir: results, errno, descriptors, small stacks, signals.

#include <gtest/gtest.h>

#include "defined.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

std::string param_name(const testing::TestParamInfo<std::tuple<std::string, std::string>>& info) {
  return case_name(std::get<0>(info.param) + "_" + std::get<1>(info.param));
}

class Behaviour : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  std::string kind() const { return std::get<0>(GetParam()); }
  std::string options() const { return "write=" + std::get<1>(GetParam()); }
};

TEST(BehaviourProgram, CallsEachEntryPoint) {
  const std::string program = read_file(std::string(kSourceRoot) + "/tests/targets/behaviour.c");
  for (const std::string& hook : defined_hooks()) EXPECT_EQ(all_in(program, "\\b(" + hook + ")\\(").size(), 1u) << hook;
}

TEST_P(Behaviour, OfEachEntryPointIsGlibcsOwn) {
  const Scratch scratch;
  const bool is_static = kind().rfind("static", 0) == 0;
  const Outcome without = run_in(scratch, target("behaviour", is_static ? "none-static" : "none"));
  const Outcome with = run_in(scratch, target("behaviour", kind()), {options(), {}, {}, 60});
  ASSERT_TRUE(without.exited_with(0)) << without.describe();
  ASSERT_TRUE(with.exited_with(0)) << with.describe();
  EXPECT_EQ(with.out, without.out);
  EXPECT_EQ(with.err, without.err);
  expect_clean(scratch / "mem");
}

TEST_P(Behaviour, OfEachEntryPointIsGlibcsOwnWhenDisabled) {
  const Scratch scratch;
  const bool is_static = kind().rfind("static", 0) == 0;
  const Outcome without = run_in(scratch, target("behaviour", is_static ? "none-static" : "none"));
  const Outcome with = run_in(scratch, target("behaviour", kind()), {options() + ":enabled=0", {}, {}, 60});
  EXPECT_EQ(with.out, without.out);
  EXPECT_FALSE(exists(scratch / "mem"));
}

INSTANTIATE_TEST_SUITE_P(Linked, Behaviour,
                         testing::Combine(testing::ValuesIn(kEveryKind), testing::Values("behind", "sync")),
                         param_name);

INSTANTIATE_TEST_SUITE_P(Preloaded, Behaviour, testing::Combine(testing::Values("preload"), testing::Values("behind")),
                         param_name);

// Whatever is called, with whatever arguments: a program of random calls prints the same digests.
#ifdef LONG_TESTS
const std::string kRandomCalls = "1000000";
#else
const std::string kRandomCalls = "20000";
#endif

class RandomCalls : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(RandomCalls, GiveWhatGlibcGives) {
  const auto& [kind, options] = GetParam();
  const Scratch scratch(in_memory());
  const bool is_sync = options == "write=sync";  // makes a file for each block
  const std::vector<std::string> arguments = {is_sync ? "1000" : kRandomCalls, "20261123"};
  const bool is_static = kind.rfind("static", 0) == 0;
  const Outcome without =
      run_in(scratch, target("random_calls", is_static ? "none-static" : "none"), {"", arguments, {}, 200});
  const Outcome with = run_in(scratch, target("random_calls", kind), {options, arguments, {}, 200});
  ASSERT_TRUE(without.exited_with(0)) << without.describe();
  ASSERT_TRUE(with.exited_with(0)) << with.describe();
  EXPECT_EQ(lines_of(with.out).size(), 22u);  // 11 entry points, on two heaps
  EXPECT_EQ(with.out, without.out);
  EXPECT_EQ(with.err, "");
  if (options != "enabled=0") expect_clean(scratch / "mem");
}

INSTANTIATE_TEST_SUITE_P(Linked, RandomCalls,
                         testing::Combine(testing::ValuesIn(kEveryKind), testing::Values("write=behind", "enabled=0")),
                         param_name);
INSTANTIATE_TEST_SUITE_P(InOtherModes, RandomCalls,
                         testing::Combine(testing::Values("static", "pie"),
                                          testing::Values("write=sync", "unwind=boost", "min_size=100")),
                         param_name);

INSTANTIATE_TEST_SUITE_P(Preloaded, RandomCalls,
                         testing::Combine(testing::Values("preload"), testing::Values("write=behind", "enabled=0")),
                         param_name);

class Hostile : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  Outcome run_target(const std::string& name) {
    const auto& [kind, write] = GetParam();
    return run_in(scratch_, target(name, kind), {"write=" + write, {}, {}, 60});
  }
  Scratch scratch_;
};

TEST_P(Hostile, DescriptorsThatTheProgramReusesStayIntact) {
  const Outcome outcome = run_target("descriptors");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
  for (int fd = 3; fd <= 1023; ++fd) {
    ASSERT_EQ(read_file(scratch_ / "own-" + std::to_string(fd)), "content of " + std::to_string(fd));
  }
}

TEST_P(Hostile, ThreadsOfTheSmallestStackRun) {
  const Outcome outcome = run_target("small_stacks");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 0; i < 16; ++i) expected.push_back(7001 + i);
  EXPECT_EQ(sizes_of(records_in(scratch_ / "mem")), expected);
}

TEST_P(Hostile, SignalHandlersMayAllocateInTheMiddleOfAHook) {
  const Outcome outcome = run_target("signal_storm");
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_GT(std::stol(said(outcome.out, "handled", "count")), 200);
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
  EXPECT_TRUE(names_in(scratch_ / "mem", ".badfree").empty());
}

INSTANTIATE_TEST_SUITE_P(Linked, Hostile,
                         testing::Combine(testing::Values("static", "static-pie", "pie"),
                                          testing::Values("behind", "sync", "exit")),
                         param_name);
INSTANTIATE_TEST_SUITE_P(Preloaded, Hostile, testing::Combine(testing::Values("preload"), testing::Values("behind")),
                         param_name);

}  // namespace
}  // namespace leakdir_test
