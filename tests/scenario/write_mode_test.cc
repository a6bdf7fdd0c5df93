// SPDX-License-Identifier: BSL-1.0
//
// When a live block becomes a file: in sync mode before malloc returns, behind after a delay, at exit only then.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "target.hh"

namespace leakdir_test {
namespace {

// A program that has made its three blocks and still waits, until there is a file `end`.
class Waiting {
 public:
  Waiting(const Scratch& scratch, const std::string& kind, const std::string& options)
      : process_(command_for(scratch, target("leaks", kind), {options, {"3", "end"}, {}, 60})) {
    process_.says("leaked");
  }
  Process& process() { return process_; }

 private:
  Process process_;
};

class WriteMode : public testing::TestWithParam<std::string> {
 protected:
  size_t files() const { return names_in(scratch_ / "mem", ".mem").size(); }
  // A file is made, and then written.
  bool has_whole_files(size_t count) const {
    size_t whole = 0;
    for (const std::string& name : names_in(scratch_ / "mem", ".mem")) {
      std::ifstream file(scratch_ / "mem/" + name);
      const std::string text(std::istreambuf_iterator<char>(file), {});
      whole += !text.empty() && text.back() == '\n';
    }
    return whole == count && files() == count;
  }
  void wait_for_whole_files(size_t count) const {
    for (int i = 0; i < 20000 && !has_whole_files(count); ++i) usleep(1000);
  }
  Scratch scratch_;
};

TEST_P(WriteMode, SyncHasTheFileBeforeMallocReturnsAndNotAfterFree) {
  const Outcome outcome = run_in(scratch_, target("sync_mode", GetParam()), {"write=sync", {}, {}, 60});
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
}

TEST_P(WriteMode, BehindHasTheFileOfABlockThatStays) {
  Waiting program(scratch_, GetParam(), "write=behind:delay_ms=50");
  wait_for_whole_files(3);
  const std::vector<Record> records = records_in(scratch_ / "mem");
  EXPECT_EQ(sizes_of(records), (std::vector<std::uint64_t>{2001, 2002, 2003}));
  program.process().kill(SIGKILL);
  program.process().wait();
}

TEST_P(WriteMode, BehindWritesNothingBeforeTheDelay) {
  Waiting program(scratch_, GetParam(), "write=behind:delay_ms=3600000");
  usleep(200000);
  EXPECT_EQ(files(), 0u);
  write_file(scratch_ / "end", "");
  EXPECT_TRUE(program.process().wait().exited_with(0));
  EXPECT_EQ(files(), 3u);
}

TEST_P(WriteMode, BehindUsesTheRoomOfAFileThatGoes) {
  Process program(command_for(scratch_, target("room_for_files", GetParam()), {"max_files=1:delay_ms=10", {}, {}, 60}));
  program.says("ready");
  wait_for_whole_files(1);
  EXPECT_EQ(sizes_of(records_in(scratch_ / "mem")), (std::vector<std::uint64_t>{8101}));
  const std::vector<std::string> first = names_in(scratch_ / "mem", ".mem");
  write_file(scratch_ / "free", "");
  program.says("freed");
  for (int i = 0; i < 20000 && (!has_whole_files(1) || names_in(scratch_ / "mem", ".mem") == first); ++i) usleep(1000);
  EXPECT_EQ(sizes_of(records_in(scratch_ / "mem")), (std::vector<std::uint64_t>{8103}));
  write_file(scratch_ / "end", "");
  EXPECT_TRUE(program.wait().exited_with(0));
}

TEST_P(WriteMode, ExitWritesNothingBeforeTheEnd) {
  Waiting program(scratch_, GetParam(), "write=exit:delay_ms=1");
  usleep(200000);
  EXPECT_EQ(files(), 0u);
  write_file(scratch_ / "end", "");
  EXPECT_TRUE(program.process().wait().exited_with(0));
  EXPECT_EQ(files(), 3u);
}

INSTANTIATE_TEST_SUITE_P(Linked, WriteMode, testing::Values("static", "static-pie", "pie"),
                         [](const testing::TestParamInfo<std::string>& info) {
                           return info.param == "static-pie" ? std::string("static_pie") : info.param;
                         });

}  // namespace
}  // namespace leakdir_test
