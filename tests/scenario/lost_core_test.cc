// SPDX-License-Identifier: BSL-1.0
//
// Lost or held, in a process that is dead, by the kernel's core and the ledger: each block has its kind; a core that is
// compressed says the same; one that is cut short says less and nothing wrong; another process's is refused.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <signal.h>
#include <zstd.h>

#include <set>

#include "core_dump.hh"
#include "expected_kinds.hh"
#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class LostCore : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!kernel_writes_cores()) GTEST_SKIP() << "the kernel's cores go elsewhere";
    core_ = core_in(scratch_, &expected_);
  }

  // The core of a process of its own.
  static std::string core_in(const Scratch& scratch, Kinds* expected = nullptr,
                             const std::string& name = "lost_and_held", const std::string& how = "") {
    Process process(command_for(scratch, target(name, GetParam()), {"", {how}, {}, 60}));
    if (!process.says("ready\n")) throw std::runtime_error("not ready");
    if (expected != nullptr) *expected = expected_kinds(process.output_so_far());
    return core_after(process, SIGSEGV, scratch);
  }
  std::string core() const { return core_; }

  Kinds kinds_by(const std::string& core) {
    return kinds_in(report(scratch_ / "mem", {"--kinds", "all", "--core", core}));
  }

  Scratch scratch_;
  std::string core_;
  Kinds expected_;
};

TEST_P(LostCore, EachBlockHasItsKind) { EXPECT_EQ(kinds_by(core()), expected_); }

// It has no text, not even by name. And the process has gone on since, so what is allocated and not in the ledger may
// be a block of then: so may what is free, and waits in its thread's cache.
class GdbsCore : public LostCore {};

TEST_P(GdbsCore, SaysTheSame) {
  Scratch another;
  Process process(command_for(another, target("lost_and_held", GetParam()), {"", {}, {}, 60}));
  ASSERT_TRUE(process.says("ready\n"));
  const std::string core = another / "core";
  const Outcome made = run({{"gdb", "-nx", "-batch", "-p", std::to_string(process.pid()), "-ex",
                             "set debuginfod enabled off", "-ex", "generate-core-file " + core},
                            another.path(),
                            {},
                            "",
                            60});
  EXPECT_TRUE(made.exited_with(0)) << made.describe();
  process.kill(SIGKILL);
  process.wait();
  ASSERT_EQ(expected_.erase({"definite", 6009}), 1u);
  expected_.insert({"reachable", 6009});
  EXPECT_EQ(kinds_in(report(another / "mem", {"--kinds", "all", "--core", core})), expected_);
}

TEST_P(LostCore, WhatMallocUsableSizeLetsAProgramUseHolds) {
  for (const char* asks : {"", "asks"}) {
    Scratch another;
    Kinds expected;
    const std::string core = core_in(another, &expected, "usable_size", asks);
    EXPECT_EQ(kinds_in(report(another / "mem", {"--kinds", "all", "--core", core})), expected) << asks;
  }
}

TEST_P(LostCore, ACompressedCoreSaysTheSame) {
  const std::string text = read_file(core());
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 1));
  write_file(scratch_ / "packed.zst", packed);
  EXPECT_EQ(kinds_by(scratch_ / "packed.zst"), expected_);
  packed.resize(LZ4F_compressFrameBound(text.size(), nullptr));
  packed.resize(LZ4F_compressFrame(packed.data(), packed.size(), text.data(), text.size(), nullptr));
  write_file(scratch_ / "packed.lz4", packed);
  EXPECT_EQ(kinds_by(scratch_ / "packed.lz4"), expected_);
}

TEST_P(LostCore, ACoreThatIsCutSaysNothingWrong) {
  const std::string text = read_file(core());
  Kinds held;
  for (const auto& one : expected_)
    if (one.first == "reachable") held.insert(one);
  for (const std::size_t percent : {30, 60, 90}) {
    write_file(scratch_ / "cut", text.substr(0, text.size() * percent / 100));
    const Outcome outcome =
        run_tool({"report", "--format", "json", "--kinds", "all", "--core", scratch_ / "cut", scratch_ / "mem"});
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_THAT(outcome.out, HasSubstr("cut is cut short: "));
    for (const auto& one : kinds_in(nlohmann::json::parse(outcome.out))) {
      EXPECT_TRUE(one.first == "unknown" || held.count(one) == 1) << one.first << " " << one.second;
    }
  }
  write_file(scratch_ / "cut", text.substr(0, 100));
  const Outcome outcome = run_tool({"report", "--core", scratch_ / "cut", scratch_ / "mem"});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("is cut short"));
}

TEST_P(LostCore, CheckFailsOnWhatIsLost) {
  const Outcome outcome = run_tool({"check", "--core", core(), scratch_ / "mem"});
  EXPECT_TRUE(outcome.exited_with(23)) << outcome.describe();
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("lost blocks"), HasSubstr("are still reachable")));
}

TEST_P(LostCore, RecoverMakesTheRecordsOfWhatIsLost) {
  Outcome outcome = run_tool({"recover", scratch_ / "mem"});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.out, HasSubstr("which blocks are lost is not known: it ended without exit()"));
  EXPECT_FALSE(exists(scratch_ / "mem/lost"));
  Kinds lost = expected_;
  for (auto one = lost.begin(); one != lost.end();) one = one->first == "reachable" ? lost.erase(one) : ++one;
  const std::vector<std::vector<std::string>> ways = {{"recover", "--core", core()},
                                                      {"recover"}};  // nothing is forgotten
  for (auto arguments : ways) {
    arguments.push_back(scratch_ / "mem");
    outcome = run_tool(arguments);
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(kinds_in_records(scratch_ / "mem"), expected_);
    EXPECT_EQ(kinds_in_records(scratch_ / "mem/lost"), lost);
  }
}

TEST_P(LostCore, WhatDoesNotBelongTogetherIsRefused) {
  Scratch another;
  Outcome outcome = run_tool({"report", "--core", core_in(another), scratch_ / "mem"});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("is the core of process"), HasSubstr("the ledger is process")));

  // The same pid, and another run.
  std::string ledger = read_file(scratch_ / "mem/.ledger");
  ledger[64] = static_cast<char>(ledger[64] + 1);  // Header::image_id
  write_file(another / "changed/.ledger", ledger);
  outcome = run_tool({"report", "--core", core(), another / "changed"});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("of another run"));

  outcome = run_tool({"report", "--core", scratch_ / "nothing", scratch_ / "mem"});
  EXPECT_EQ(outcome.err, "leakdir: cannot open " + scratch_ / "nothing" + ": No such file or directory\n");
  outcome = run_tool({"report", "--core", target("lost_and_held", "none"), scratch_ / "mem"});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("an ELF file, but no core"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, LostCore, testing::Values("static", "static-pie", "pie", "preload"),
                         [](const auto& info) { return case_name(info.param); });

// Whose virtual tables are text, and whose are data.
INSTANTIATE_TEST_SUITE_P(Linked, GdbsCore, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
