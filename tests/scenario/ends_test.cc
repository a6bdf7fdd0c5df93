// SPDX-License-Identifier: BSL-1.0
//
// Ways in which a program ends that are neither exit nor a kill: quick_exit, and exec, which goes on as another
// program; and exit where standard error is closed on the way: the last line is said all the same.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "expected_kinds.hh"
#include "paths.hh"
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

// What the kernel lets end with the last thread does not wait for leakdir's own.
TEST_P(Ends, TheSystemCallThatEndsTheOnlyThreadEndsTheProcess) {
  const Outcome outcome = run(ends_badly("raw-exit"));
  ASSERT_TRUE(outcome.exited_with(3)) << outcome.describe();
  expect_shown(report(mem()), expected_by(outcome.out), 0);
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
  EXPECT_THAT(run_tool({"report", mem()}).out, HasSubstr(", killed, or left by _exit or exec; last heard of 20"));
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

// ---- Standard error ----

constexpr char kLast[] = "leakdir: 1 live block, 4703 bytes at exit: ./mem (1 still reachable)\n";

class ClosesStderr : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  // In the target itself stand many conditions, above all: no handler finds a descriptor that was not there.
  Outcome end(const std::string& how, const std::string& options = "") {
    const auto& [kind, write] = GetParam();
    const Outcome outcome =
        run_in(scratch_, target("closes_stderr", kind), {"write=" + write + options, {how}, {}, 60});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    return outcome;
  }
  Scratch scratch_;
};

TEST_P(ClosesStderr, TheLastLineIsSaidAllTheSame) {
  for (const char* how : {"exit", "return", "reopens", "closes-all", "forks"}) {
    SCOPED_TRACE(how);
    const Outcome outcome = end(how);
    EXPECT_EQ(outcome.err, kLast);
    expect_exactly(expected_by(outcome.out), records_in(scratch_ / "mem"));
    EXPECT_EQ(report(scratch_ / "mem").at("state"), "exited");
  }
  EXPECT_EQ(read_file(scratch_ / "own"), "");
}

TEST_P(ClosesStderr, NothingIsSaidWhereTheProgramWantsNone) {
  for (const char* how : {"before", "before-opens", "nothing", "leaves"}) {
    SCOPED_TRACE(how);
    EXPECT_EQ(end(how).err, "");
  }
  EXPECT_EQ(read_file(scratch_ / "own"), "");
  EXPECT_EQ(end("exit", ":summary=0").err, "");
}

// A thread's exit is not seen beforehand: its handlers close standard error, and the line is lost, as it is by exec.
TEST_P(ClosesStderr, ExitByAThreadAndExecInAHandlerDoNoHarm) {
  EXPECT_EQ(end("execs").err, "");
  EXPECT_EQ(report(scratch_ / "mem").at("state"), "exited");
  const Outcome outcome = end("thread");
  EXPECT_EQ(report(scratch_ / "mem").at("state"), "exited");
  EXPECT_FALSE(stack_through(report(scratch_ / "mem"), "leak", expected_by(outcome.out).at(0).line).is_null());
}

// What libc keeps for it is no block of anybody's.
TEST_P(ClosesStderr, NoCallIsCountedThatIsNotTheProgramsOwn) {
  for (const char* more : {"", ":recording=0", ":libc=1"}) {
    SCOPED_TRACE(more);
    end("exit", std::string(":summary=0") + more);
    const nlohmann::json without = report(scratch_ / "mem");
    end("exit", more);
    const nlohmann::json with = report(scratch_ / "mem");
    EXPECT_EQ(with.at("seen"), without.at("seen"));
    EXPECT_EQ(with.at("totals"), without.at("totals"));
    EXPECT_EQ(with.at("warnings"), without.at("warnings"));
    EXPECT_EQ(with.at("bad_frees").size(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, ClosesStderr,
                         testing::Combine(testing::Values("static", "static-pie", "pie", "nopie", "preload"),
                                          testing::Values("behind", "exit")),
                         [](const testing::TestParamInfo<ClosesStderr::ParamType>& info) {
                           return case_name(std::get<0>(info.param) + "_" + std::get<1>(info.param));
                         });

// Both close it by gnulib's close_stdout.
TEST(Gnulib, SortAndGrepLeaveTheirLine) {
  const Scratch scratch;
  write_file(scratch / "words", "b\na\n");
  for (const std::vector<std::string>& argv :
       {std::vector<std::string>{"sort", "words"}, std::vector<std::string>{"grep", "a", "words"}}) {
    SCOPED_TRACE(argv[0]);
    const Outcome outcome = run({argv, scratch.path(), {{"LD_PRELOAD", kLibrary}}, "", 60});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(outcome.out, argv[0] == "sort" ? "a\nb\n" : "a\n");
    const ReportedBlocks live = totals_of(report(scratch / "mem"));
    EXPECT_GT(live.blocks, 0u);
    EXPECT_EQ(outcome.err, "leakdir: " + std::to_string(live.blocks) +
                               (live.blocks == 1 ? " live block, " : " live blocks, ") + std::to_string(live.bytes) +
                               " bytes at exit: ./mem" + kinds_at_exit(scratch / "mem") + "\n");
  }
}

}  // namespace
}  // namespace leakdir_test
