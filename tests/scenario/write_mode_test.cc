// SPDX-License-Identifier: BSL-1.0
//
// When a live block becomes a file: in sync mode before malloc returns, behind after a delay, at exit only then.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "target.hh"

namespace leakdir_test {
namespace {

// A program that has made its three blocks and still waits.
class Waiting {
 public:
  Waiting(const Scratch& scratch, const std::string& kind, const std::string& options, const char* wait_ms)
      : process_(command_for(scratch, target("leaks", kind), {options, {"3", wait_ms}, {}, 60})) {
    for (int i = 0; i < 10000 && process_.output_so_far().find("leaked") == std::string::npos; ++i) usleep(1000);
  }
  Process& process() { return process_; }

 private:
  Process process_;
};

class WriteMode : public testing::TestWithParam<std::string> {
 protected:
  size_t files() const { return names_in(scratch_ / "mem", ".mem").size(); }
  Scratch scratch_;
};

TEST_P(WriteMode, SyncHasTheFileBeforeMallocReturnsAndNotAfterFree) {
  const Outcome outcome = run_in(scratch_, target("sync_mode", GetParam()), {"write=sync", {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
}

TEST_P(WriteMode, BehindHasTheFileOfABlockThatStays) {
  Waiting program(scratch_, GetParam(), "write=behind:delay_ms=50", "20000");
  for (int i = 0; i < 1000 && files() < 3; ++i) usleep(10000);
  const std::vector<Record> records = records_in(scratch_ / "mem");
  EXPECT_EQ(sizes_of(records), (std::vector<std::uint64_t>{2001, 2002, 2003}));
  program.process().kill(SIGKILL);
  program.process().wait();
}

TEST_P(WriteMode, BehindWritesNothingBeforeTheDelay) {
  Waiting program(scratch_, GetParam(), "write=behind:delay_ms=3600000", "500");
  usleep(200000);
  EXPECT_EQ(files(), 0u);
  EXPECT_TRUE(program.process().wait().exited_with(0));
  EXPECT_EQ(files(), 3u);
}

TEST_P(WriteMode, BehindUsesTheRoomOfAFileThatGoes) {
  Process program(command_for(scratch_, target("room_for_files", GetParam()), {"max_files=1:delay_ms=10", {}, {}, 60}));
  const auto wait_for = [&](const std::string& text) {
    for (int i = 0; i < 10000 && program.output_so_far().find(text) == std::string::npos; ++i) usleep(1000);
  };
  wait_for("ready");
  for (int i = 0; i < 500 && files() < 1; ++i) usleep(1000);
  EXPECT_EQ(sizes_of(records_in(scratch_ / "mem")), (std::vector<std::uint64_t>{8101}));
  const std::vector<std::string> first = names_in(scratch_ / "mem", ".mem");
  wait_for("freed");
  for (int i = 0; i < 1500 && (files() < 1 || names_in(scratch_ / "mem", ".mem") == first); ++i) usleep(1000);
  EXPECT_EQ(sizes_of(records_in(scratch_ / "mem")), (std::vector<std::uint64_t>{8103}));
  EXPECT_TRUE(program.wait().exited_with(0));
}

TEST_P(WriteMode, ExitWritesNothingBeforeTheEnd) {
  Waiting program(scratch_, GetParam(), "write=exit:delay_ms=1", "500");
  usleep(200000);
  EXPECT_EQ(files(), 0u);
  EXPECT_TRUE(program.process().wait().exited_with(0));
  EXPECT_EQ(files(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Linked, WriteMode, testing::Values("static", "static-pie", "pie"),
                         [](const testing::TestParamInfo<std::string>& info) {
                           return info.param == "static-pie" ? std::string("static_pie") : info.param;
                         });

}  // namespace
}  // namespace leakdir_test
