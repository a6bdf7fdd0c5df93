// SPDX-License-Identifier: BSL-1.0
//
// Where making all files would take more than the helper's share of a core: each stack has one first, the report says
// how many are missing, and `flush` makes them.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

constexpr size_t kBlocks = 12020, kOtherStacks = 20;

class Share : public testing::TestWithParam<std::string> {
 protected:
  size_t files() const { return names_in(scratch_ / "mem", ".mem").size(); }

  // The blocks that are the only ones of their stacks.
  static std::vector<std::string> names_of_others(const std::string& said) {
    std::vector<std::string> names;
    for (const std::string& line : lines_of(said))
      if (line.rfind("0x", 0) == 0) names.push_back(line + ".mem");
    return names;
  }

  // All its threads.
  static void stop(const Process& program) {
    program.kill(SIGSTOP);
    siginfo_t what = {};
    if (waitid(P_PID, static_cast<id_t>(program.pid()), &what, WSTOPPED | WNOWAIT) != 0) ADD_FAILURE() << "not stopped";
  }

  Command command(const std::string& options) const {
    return command_for(scratch_, target("many_blocks", GetParam()),
                       {"delay_ms=10:max_files=100000:" + options, {}, {}, 120});
  }

  // Its whole life.
  Outcome run_to_end(const std::string& options) {
    write_file(scratch_ / "end", "");
    Outcome outcome = run(command(options));
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    return outcome;
  }

  void wait_for_files(const std::vector<std::string>& names) const {
    for (const std::string& name : names)
      for (int i = 0; i < 60000 && !std::filesystem::exists(scratch_ / "mem/" + name); ++i) usleep(1000);
  }

  Scratch scratch_;
};

TEST_P(Share, EachStackHasAFileBeforeOneHasAll) {
  Process program(command("share=1"));
  ASSERT_TRUE(program.says("ready"));
  const std::vector<std::string> others = names_of_others(program.output_so_far());
  ASSERT_EQ(others.size(), kOtherStacks);
  wait_for_files(others);
  stop(program);
  for (const std::string& name : others) EXPECT_TRUE(std::filesystem::exists(scratch_ / "mem/" + name)) << name;
  const size_t made = files();
  EXPECT_LT(made, kBlocks);

  sleep(2);  // what is missing is due for long by now
  const nlohmann::json seen = report(scratch_ / "mem");
  EXPECT_EQ(totals_of(seen).blocks, kBlocks);
  // It may have been stopped between a file and the mark that the block has one.
  EXPECT_THAT(
      seen["notices"].get<std::vector<std::string>>(),
      Contains(AnyOf(HasSubstr("behind: " + std::to_string(kBlocks - made) + " live blocks have none yet"),
                     HasSubstr("behind: " + std::to_string(kBlocks - made + 1) + " live blocks have none yet"))));

  program.kill(SIGCONT);
  const Outcome flushed = run_tool({"flush", "--timeout", "120", scratch_ / "mem"});
  EXPECT_TRUE(flushed.exited_with(0)) << flushed.describe();
  EXPECT_EQ(files(), kBlocks);
  EXPECT_THAT(report(scratch_ / "mem")["notices"].get<std::vector<std::string>>(), Not(Contains(HasSubstr("behind"))));
  write_file(scratch_ / "end", "");
  EXPECT_TRUE(program.wait().exited_with(0));
}

TEST_P(Share, FilesCatchUp) {
  Process program(command("share=60"));
  ASSERT_TRUE(program.says("ready"));
  for (int i = 0; i < 60000 && files() < kBlocks; ++i) usleep(1000);
  EXPECT_EQ(files(), kBlocks);
  program.kill(SIGKILL);
  program.wait();
}

// What the files take, a page each at least, and the ledger.
std::uintmax_t bytes_in(const std::string& dir) {
  std::uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    struct stat status = {};
    if (lstat(entry.path().c_str(), &status) == 0 && S_ISREG(status.st_mode))
      bytes += static_cast<std::uintmax_t>(status.st_blocks) * 512;
  }
  return bytes;
}

TEST_P(Share, MaxDiskBoundsFilesAndLedger) {
  constexpr std::uintmax_t kMost = 8 << 20;
  const Outcome outcome = run_to_end("max_disk=8M");
  EXPECT_THAT(outcome.err, HasSubstr("./mem: no more files are made, max_disk is reached; the ledger has all blocks"));
  EXPECT_LE(bytes_in(scratch_ / "mem"), kMost);
  EXPECT_GT(files(), kMost / 4 / 4096);
  EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, kBlocks);
}

TEST_P(Share, BeyondMaxDiskTheLedgerSaysThatItHasNotAll) {
  constexpr std::uintmax_t kMost = 300 << 10;
  const Outcome outcome = run_to_end("write=never:max_disk=300k");
  EXPECT_THAT(outcome.err, HasSubstr("the ledger does not grow, max_disk is reached"));
  EXPECT_THAT(outcome.err, HasSubstr(std::to_string(kBlocks) + " live blocks"));
  EXPECT_LE(bytes_in(scratch_ / "mem"), kMost);
  const nlohmann::json seen = report(scratch_ / "mem");
  EXPECT_LT(totals_of(seen).blocks, kBlocks);
  EXPECT_THAT(seen["warnings"].get<std::vector<std::string>>(), Contains(HasSubstr("memory alone")));
}

INSTANTIATE_TEST_SUITE_P(Linked, Share, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
