// SPDX-License-Identifier: BSL-1.0
//
// Ways in which a program ends that are neither exit nor a kill: quick_exit, and exec, which goes on as another
// program.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kWorkers = 3;  // of ends_badly

class Ends : public testing::TestWithParam<std::string> {
 protected:
  std::string mem() const { return scratch_ / "mem"; }

  Command ends_badly(const std::string& how) const {
    return command_for(scratch_, target("ends_badly", GetParam()), {"", {how}, {}, 60});
  }

  static std::string without_links(const std::string& path) {
    std::error_code error;
    return std::filesystem::canonical(path, error).string();
  }

  static bool becomes(const Process& process, const std::string& program) {
    const std::string link = "/proc/" + std::to_string(process.pid()) + "/exe";
    for (int i = 0; i < 20000 && without_links(link) != program; ++i) usleep(1000);
    return without_links(link) == program;
  }

  Scratch scratch_;
};

TEST_P(Ends, QuickExitIsAnExit) {
  const Outcome outcome = run(ends_badly("quick_exit"));
  ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const std::vector<Expected> expected = expected_by(outcome.out);
  EXPECT_EQ(expected.size(), 2u);  // that of main, and of its at_quick_exit handler
  const nlohmann::json json = report(mem());
  EXPECT_EQ(json.at("state"), "exited");
  EXPECT_FALSE(json.contains("went_on_as"));
  expect_shown(json, expected, kWorkers);
  EXPECT_THAT(run_tool({"report", mem()}).out, HasSubstr(", exited 20"));
}

// While it lives the process is known by its pid. Afterwards nobody can tell what ended it.
TEST_P(Ends, AnExecOfAProgramThatIsNotRecordedIsNoKill) {
  const std::string sleep = without_links("/bin/sleep");
  Process process(ends_badly("exec-to-sleep"));
  ASSERT_TRUE(becomes(process, sleep));
  const nlohmann::json json = report(mem());
  EXPECT_EQ(json.at("state"), "exited");
  EXPECT_EQ(json.at("went_on_as"), sleep);
  const std::vector<Expected> expected = expected_by(process.output_so_far());
  EXPECT_EQ(expected.size(), 1u);
  expect_shown(json, expected, kWorkers);
  EXPECT_THAT(run_tool({"report", mem()}).out, HasSubstr(", went on as " + sleep + " by exec (last heard of 20"));
  EXPECT_THAT(run_tool({"check", mem()}).out, Not(HasSubstr("did not leave")));
  EXPECT_THAT(run_tool({"pause", mem()}).err, HasSubstr("does not run any more"));
  ASSERT_TRUE(run_tool({"save", scratch_ / "saved", mem()}).exited_with(0));
  process.kill(SIGKILL);
  process.wait();
  EXPECT_EQ(report(mem()).at("state"), "killed");
  EXPECT_THAT(run_tool({"report", mem()}).out,
              HasSubstr(", killed, or gone on as another program by exec (it did not leave through exit); its last "));
  EXPECT_THAT(run_tool({"check", mem()}).out, HasSubstr(" (it did not leave through exit)"));
  const nlohmann::json saved = report(scratch_ / "saved");
  EXPECT_EQ(saved.at("state"), "exited");
  EXPECT_EQ(saved.at("went_on_as"), sleep);
}

TEST_P(Ends, AnExecOfAProgramThatRecordsElsewhereIsNoKill) {
  Process process(ends_badly("exec-elsewhere"));
  ASSERT_TRUE(process.says("size=4519"));
  const nlohmann::json before = report(mem()), after = report(scratch_ / "other");
  EXPECT_EQ(before.at("state"), "exited");
  EXPECT_EQ(before.at("went_on_as"),
            without_links(target("ends_badly", GetParam() == "preload" ? "none" : GetParam())));
  EXPECT_EQ(after.at("state"), "running");
  EXPECT_FALSE(after.contains("went_on_as"));
  write_file(scratch_ / "end", "");
  EXPECT_TRUE(process.wait().exited_with(0));
  EXPECT_EQ(report(scratch_ / "other").at("state"), "exited");
}

// The next program has the same directory, and says so in the ledger that it moves away: known for ever.
TEST_P(Ends, AnExecOfAProgramThatRecordsIsSaidByIt) {
  for (const char* how : {"exec", "exec-from-thread"}) {
    SCOPED_TRACE(how);
    const Outcome outcome = run(ends_badly(how));
    ASSERT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const nlohmann::json before = report(mem() + "/previous");
    EXPECT_EQ(before.at("state"), "exited");
    EXPECT_EQ(before.at("went_on_as"), "another program");
    EXPECT_THAT(run_tool({"report", mem() + "/previous"}).out, HasSubstr(", went on as another program by exec ("));
    const nlohmann::json after = report(mem());
    EXPECT_EQ(after.at("state"), "exited");
    EXPECT_FALSE(after.contains("went_on_as"));
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, Ends, testing::Values("static", "pie", "preload"));

}  // namespace
}  // namespace leakdir_test
