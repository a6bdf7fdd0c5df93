// SPDX-License-Identifier: BSL-1.0
//
// leakdir run: a program that was not linked with leakdir runs as it would, and its report follows.

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Run : public testing::Test {
 protected:
  Outcome run_it(std::vector<std::string> arguments, const std::map<std::string, std::string>& env = {}) {
    arguments.insert(arguments.begin(), {kTool, "run"});
    return run({arguments, scratch_.path(), env, "", 120});
  }
  void expect_refused(const std::vector<std::string>& arguments, const std::string& why) {
    const Outcome outcome = run_it(arguments);
    EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
    EXPECT_EQ(lines_of(outcome.err).size(), 1u) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("leakdir: "), HasSubstr(why)));
    EXPECT_FALSE(exists(scratch_ / "mem"));
  }
  std::string copy_of(const std::string& program) {
    fs::copy_file(program, scratch_ / "copy");
    return scratch_ / "copy";
  }
  const std::string leaks_ = target("leaks", "none");
  Scratch scratch_;
};

TEST_F(Run, ReportsWhatTheProgramLeaksAndLeavesItsOutputAlone) {
  const Outcome outcome = run_it({"--", leaks_, "3"});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.out, Not(HasSubstr("live block")));
  EXPECT_EQ(expected_by(outcome.out).size(), 3u);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("leakdir: 3 live blocks, "), HasSubstr("\n2 lost blocks, "),
                                 HasSubstr("leak_sized"), HasSubstr("leaks.c:")));
  // The report is there, so no files are made unless somebody wants them.
  EXPECT_EQ(names_in(scratch_ / "mem"), std::vector<std::string>{".ledger"});
}

TEST_F(Run, RecordsWhereItIsTold) {
  for (const std::string dir : {"here", "it's:here"}) {
    EXPECT_TRUE(run_it({"--dir", dir, "-o", "write=exit:dir=there", "--", leaks_, "3"}).exited_with(0));
    EXPECT_EQ(records_in(scratch_ / dir).size(), 3u);
    EXPECT_FALSE(exists(scratch_ / "there"));
  }
  EXPECT_FALSE(exists(scratch_ / "mem"));
}

TEST_F(Run, MakesFilesWhereSomebodyHasSaidWhen) {
  const auto files_after = [this](const std::vector<std::string>& arguments,
                                  const std::map<std::string, std::string>& env = {}) {
    EXPECT_TRUE(run_it(arguments, env).exited_with(0));
    return records_in(scratch_ / "mem").size();
  };
  EXPECT_EQ(files_after({"-o", "write=exit", leaks_, "3"}), 3u);
  EXPECT_EQ(files_after({leaks_, "4"}, {{"LEAKDIR_OPTIONS", "write=behind"}}), 4u);
  write_file(scratch_ / "leakdir.conf", "write = sync\n");
  EXPECT_EQ(files_after({leaks_, "5"}), 5u);
  EXPECT_EQ(files_after({"-o", "write=never", leaks_, "3"}), 0u);
}

TEST_F(Run, WritesTheReportToAFileInAnyFormat) {
  const Outcome outcome = run_it({"--output", "report.json", "--format", "json", leaks_, "3"});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  const nlohmann::json json = nlohmann::json::parse(read_file(scratch_ / "report.json"));
  EXPECT_EQ(totals_of(json).blocks, 3u);
  EXPECT_EQ(json["program"], leaks_);
}

TEST_F(Run, SaysWhatIsWrongWithTheFilesOfTheReportBeforeTheProgramRuns) {
  write_file(scratch_ / "wrong.supp", "leak\n");
  expect_refused({"--suppressions", "/no/file", leaks_, "3"}, "cannot read /no/file: ");
  expect_refused({"--suppressions", "wrong.supp", leaks_, "3"}, "wrong.supp:1: ");
  expect_refused({"--output", "/no/dir/x", leaks_, "3"}, "cannot write /no/dir/x: ");
}

TEST_F(Run, EndsAsTheProgramDoesWhenTheReportCannotBeWritten) {
  const Outcome outcome = run_it({"--output", "/dev/full", "sh", "-c", "exit 7"});
  EXPECT_TRUE(outcome.exited_with(7)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("leakdir: cannot write /dev/full: No space left on device\n"));
  EXPECT_TRUE(run_it({"--output", "/dev/full", leaks_, "3"}).exited_with(1));
}

TEST_F(Run, EndsAsTheProgramDoes) {
  EXPECT_TRUE(run_it({"sh", "-c", "exit 7"}).exited_with(7));
  EXPECT_TRUE(run_it({"sh", "-c", "kill -KILL $$"}).exited_with(128 + 9));
  EXPECT_TRUE(run_it({"--error-exitcode", "9", leaks_, "3"}).exited_with(9));
  EXPECT_TRUE(run_it({"--error-exitcode", "9", target("clean_c", "none")}).exited_with(0));
}

TEST_F(Run, EndsAsTheProgramDoesWhereEndedChildrenAreIgnored) {
  const auto run_so = [this](std::vector<std::string> command) {
    command.insert(command.begin(), {"env", "--ignore-signal=CHLD", kTool, "run"});
    return run({command, scratch_.path(), {}, "", 120});
  };
  EXPECT_TRUE(run_so({"sh", "-c", "exit 7"}).exited_with(7));
  // The program has it as it was.
  EXPECT_THAT(run_so({"grep", "SigIgn", "/proc/self/status"}).out, HasSubstr("SigIgn:\t0000000000010000\n"));
}

TEST_F(Run, LeavesClosedWhatItsCallerHasClosed) {
  const std::string looks = "for i in 0 1; do [ -L /proc/$$/fd/$i ] && exit 4; done; exit 3";
  const Outcome outcome =
      run({{"sh", "-c", std::string(kTool) + " run sh -c '" + looks + "' <&- >&-"}, scratch_.path(), {}, "", 120});
  EXPECT_TRUE(outcome.exited_with(3)) << outcome.describe();
}

TEST_F(Run, HandsOptionsOnAndKeepsWhatIsInTheEnvironment) {
  const Outcome outcome = run_it({"-o", "dir='b:c':summary=0", "--", "sh", "-c", "env; exit 3"},
                                 {{"LEAKDIR_OPTIONS", "dir=a:children=0"}, {"LD_PRELOAD", "libm.so.6"}});
  EXPECT_TRUE(outcome.exited_with(3)) << outcome.describe();
  EXPECT_THAT(outcome.out, HasSubstr("LD_PRELOAD=libm.so.6\n"));  // children=0 took the library out again
  EXPECT_THAT(outcome.err, Not(HasSubstr("leakdir: ")));
  EXPECT_TRUE(exists(scratch_ / "b:c/.ledger"));
  EXPECT_FALSE(exists(scratch_ / "a"));
  EXPECT_FALSE(exists(scratch_ / "mem"));
}

TEST_F(Run, TakesTheDirectoryOfTheConfigFile) {
  write_file(scratch_ / "leakdir.conf", "dir = other-%e-%p\n");
  const Outcome outcome = run_it({leaks_, "3"});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("\n2 lost blocks, "));
  EXPECT_FALSE(exists(scratch_ / "mem"));
}

TEST_F(Run, TakesNoPatternFromTheWorkingDirectory) {
  const std::string folder = scratch_ / "100%p%e%%";
  fs::create_directory(folder);
  const Outcome outcome = run({{kTool, "run", "-o", "dir=50%%p-%p", leaks_, "3"}, folder, {}, "", 120});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("\n2 lost blocks, "));
  ASSERT_EQ(names_in(folder).size(), 1u);
  EXPECT_THAT(names_in(folder).front(), StartsWith("50%p-"));
  EXPECT_TRUE(exists(folder + "/" + names_in(folder).front() + "/.ledger"));
}

TEST_F(Run, PassesOverTheConfigFileOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  write_file(scratch_ / "leakdir.conf", "dir = elsewhere\n");
  ASSERT_EQ(chown((scratch_ / "leakdir.conf").c_str(), 65534, 65534), 0);
  const Outcome outcome = run_it({leaks_, "3"});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("\n2 lost blocks, "));
  EXPECT_FALSE(exists(scratch_ / "elsewhere"));
  EXPECT_TRUE(exists(scratch_ / "mem/.ledger"));
  EXPECT_TRUE(run_it({leaks_, "3"}, {{"LEAKDIR_CONFIG", "leakdir.conf"}}).exited_with(0));
  EXPECT_TRUE(exists(scratch_ / "elsewhere/.ledger"));  // named, it is the user's word
}

TEST_F(Run, KeepsProgramsThatWorkElsewhereInOneDirectory) {
  fs::create_directory(scratch_ / "elsewhere");
  const Outcome outcome = run_it({"sh", "-c", "cd elsewhere; env >/dev/null; exit 0"});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("other processes have ledgers of their own"));
  EXPECT_TRUE(names_in(scratch_ / "elsewhere").empty());
}

TEST_F(Run, ReportsItsOwnProgramWhenAnotherOneHasTheDirectory) {
  Process first(command_for(scratch_, target("leaks", "pie"), {"", {"5", "60000"}, {}, 90}));
  first.says("leaked");
  const Outcome outcome = run_it({leaks_, "3"});
  first.kill(9);
  first.wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("belongs to the running process"), HasSubstr("\n2 lost blocks, ")));
}

TEST_F(Run, HandsOnTheSignalsThatItIsSent) {
  for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGRTMIN + 3}) {
    const std::string script = "trap 'kill $!; exit 5' " + std::to_string(signal) + "; sleep 60 & echo ready; wait";
    Process process({{kTool, "run", "sh", "-c", script}, scratch_.path(), {}, "", 60});
    process.says("ready");
    process.kill(signal);
    const Outcome outcome = process.wait();
    EXPECT_TRUE(outcome.exited_with(5)) << signal << ": " << outcome.describe();
  }
}

TEST_F(Run, RunsScriptsAndWhatHasTheHooksAlready) {
  write_file(scratch_ / "script", "#!/bin/sh -e\nexit 6\n");
  chmod((scratch_ / "script").c_str(), 0755);
  EXPECT_TRUE(run_it({"./script"}).exited_with(6));
  for (const char* kind : {"pie", "static"}) {
    const Outcome linked = run_it({target("leaks", kind), "4"});
    EXPECT_TRUE(linked.exited_with(0)) << linked.describe();
    EXPECT_THAT(linked.err, HasSubstr("\n3 lost blocks, "));
  }
}

// Both hooks would record into one directory: leakdir_trace.c leaves it to the library.
TEST_F(Run, RecordsOnceWhatHasTheMacroHookInIt) {
  const std::string lib = std::string(kSourceRoot) + "/lib/";
  write_file(scratch_ / "x.c",
             "#include <leakdir/trace.h>\nvoid *volatile kept[2];\n"
             "int main(int argc, char **argv) { kept[0] = malloc(1801); kept[1] = malloc(1803); free(kept[0]);\n"
             "  return argc > 1 ? atoi(argv[1]) : 0; }\n");
  for (const char* way : {"-pie", "-no-pie", "-static"}) {
    SCOPED_TRACE(way);
    const Outcome compiled = run({{"gcc", "-g", way, "-DLEAKDIR_ALONE", "-I" + lib + "include", scratch_ / "x.c",
                                   std::string(kInclude) + "/leakdir/leakdir_trace.c", "-o", scratch_ / "program"},
                                  "",
                                  {},
                                  "",
                                  120});
    ASSERT_TRUE(compiled.exited_with(0)) << compiled.describe();
    fs::remove_all(scratch_ / "mem");
    if (way == std::string("-static")) {
      expect_refused({"./program"}, "records by leakdir_trace.c: run it as it is, then leakdir report");
      continue;
    }
    const Outcome outcome = run_it({"-o", "write=behind:reach=0", "./program"});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_THAT(outcome.err, StartsWith("leakdir: 1 live block, 1803 bytes at exit: " + scratch_ / "mem" + "\n"));
    EXPECT_THAT(
        outcome.err,
        AllOf(HasSubstr("\n1 live block, 1803 bytes in 1 stack\n"), HasSubstr("it saw 2 allocations and 1 free\n"),
              HasSubstr("    at " + scratch_ / "x.c:3\n"), HasSubstr("    #0 main " + scratch_ / "x.c:3")));
    const std::vector<Record> records = records_in(scratch_ / "mem");
    ASSERT_EQ(sizes_of(records), std::vector<std::uint64_t>{1803});
    EXPECT_EQ(records[0].location, scratch_ / "x.c:3");
    EXPECT_EQ(names_in(scratch_ / "mem").size(), 2u);  // the ledger and the record
    EXPECT_TRUE(run_it({"./program", "7"}).exited_with(7));
    EXPECT_TRUE(run_it({"--error-exitcode", "9", "./program", "7"}).exited_with(9));
  }
}

TEST_F(Run, SaysWhyNothingWasRecorded) {
  const Outcome outcome = run_it({target("own_malloc", "none")});
  EXPECT_TRUE(outcome.exited_with(3)) << outcome.describe();
  EXPECT_EQ(outcome.out, "its own\n");
  EXPECT_THAT(outcome.err, HasSubstr("own_malloc.none: nothing was recorded: no ledger was left in ./mem\n"));
  const Outcome off = run_it({"-o", "enabled=0", leaks_, "3"});
  EXPECT_TRUE(off.exited_with(3)) << off.describe();
  EXPECT_THAT(off.err, HasSubstr("leaks.none: nothing was recorded: leakdir is off (enabled=0)\n"));
}

TEST_F(Run, RefusesWhatItCannotRun) {
  expect_refused({"no-such-program"}, "cannot run no-such-program: no such program");
  expect_refused({"./no/such"}, "cannot run ./no/such: no such program");
  expect_refused({scratch_.path()}, "it is a directory");
  write_file(scratch_ / "text", "text\n");
  expect_refused({"./text"}, "it is not executable");
  write_file(scratch_ / "script", "#!/no/such/interpreter\n");
  chmod((scratch_ / "script").c_str(), 0755);
  expect_refused({"./script"}, "there is no /no/such/interpreter");
  EXPECT_TRUE(run_it({}).exited_with(2));
}

TEST_F(Run, RefusesAStaticProgram) {
  expect_refused({target("behaviour", "none-static")},
                 "is a static program, which LD_PRELOAD does not reach: link leakdir-static.o into it; leakdir doctor");
}

TEST_F(Run, RefusesAProgramOfAnotherProcessor) {
  std::string bytes = read_file(leaks_);
  bytes[18] = static_cast<char>(183);  // e_machine: aarch64
  bytes[19] = 0;
  write_file(scratch_ / "copy", bytes);
  chmod((scratch_ / "copy").c_str(), 0755);
  expect_refused({"./copy"}, "copy is for aarch64, and libleakdir.so for ");
}

TEST_F(Run, RefusesAProgramWithRightsOfItsOwn) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  const Scratch programs(where_set_uid_counts());
  if (!set_uid_counts(programs.path())) GTEST_SKIP() << "everything is mounted nosuid";
  const std::string copy = programs / "copy";
  fs::copy_file(leaks_, copy);
  ASSERT_EQ(chown(copy.c_str(), 65534, 65534), 0);
  ASSERT_EQ(chmod(copy.c_str(), 04755), 0);
  expect_refused({copy}, "so the loader ignores LD_PRELOAD");
}

}  // namespace
}  // namespace leakdir_test
