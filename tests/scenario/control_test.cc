// SPDX-License-Identifier: BSL-1.0
//
// `leakdir pause`, `resume` and `flush`: a running program obeys; one that has ended, was killed, is stopped, or is not
// there at all gets one clear line. What only looks like a ledger is left alone.

#include <fcntl.h>
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

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

// The program `obeys`, under way.
class Obedient {
 public:
  Obedient(const Scratch& scratch, const std::string& kind, const std::string& options, bool as_nobody = false)
      : fifo_(scratch / "fifo"), process_((prepare(scratch, kind), command(scratch, options, as_nobody))) {
    wait_for("ready\n");
  }

  // Makes it do what the letter says, and waits until it has.
  void step(char letter) {
    send(letter);
    wait_for(std::string("did ") + letter + "\n");
  }
  void send(char letter) const {
    const int fd = open(fifo_.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, &letter, 1) != 1) ADD_FAILURE() << "cannot write to the fifo";
    close(fd);
  }
  void quit() {
    send('q');
    const Outcome outcome = process_.wait();
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  }
  Process& process() { return process_; }
  std::string name() const { return "process " + std::to_string(process_.pid()) + " (" + program_ + ")"; }

 private:
  void prepare(const Scratch& scratch, const std::string& kind) {
    program_ = scratch / "app";
    fs::copy_file(target("obeys", kind), program_);
    if (mkfifo(fifo_.c_str(), 0600) != 0) ADD_FAILURE() << "no fifo";
  }
  Command command(const Scratch& scratch, const std::string& options, bool as_nobody) {
    Command command = command_for(scratch, program_, {options, {fifo_}, {}, 90});
    if (as_nobody && geteuid() == 0) {
      for (const std::string& path : {scratch.path(), fifo_, program_}) chmod(path.c_str(), 0777);
      command.argv.insert(command.argv.begin(), {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
    }
    return command;
  }
  void wait_for(const std::string& text) { ASSERT_TRUE(process_.says(text)) << process_.output_so_far(); }

  std::string fifo_, program_;
  Process process_;
};

class Control : public testing::Test {
 protected:
  std::string tool(int status, const std::vector<std::string>& arguments) {
    const Outcome outcome = run_tool(arguments, scratch_.path());
    EXPECT_TRUE(outcome.exited_with(status)) << outcome.describe();
    const std::string& line = status == 0 ? outcome.out : outcome.err;
    EXPECT_EQ((status == 0 ? outcome.err : outcome.out) + "|" + std::to_string(lines_of(line).size()), "|1") << line;
    return line;
  }
  std::vector<std::uint64_t> sizes() const { return sizes_of(records_in(scratch_ / "mem")); }

  Scratch scratch_;
};

class ControlLinked : public Control, public testing::WithParamInterface<std::tuple<std::string, std::string>> {};

TEST_P(ControlLinked, PauseAndResumeSwitchRecording) {
  const auto& [kind, options] = GetParam();
  write_file(scratch_ / "leakdir.conf", "recording = 1\n");  // with a config file there is a helper in every mode
  Obedient program(scratch_, kind, options);
  program.step('a');
  EXPECT_EQ(tool(0, {"pause"}), program.name() + ": recording is now paused\n");
  program.step('b');
  EXPECT_EQ(tool(0, {"pause", "mem"}), program.name() + ": recording was already paused\n");
  EXPECT_THAT(report(scratch_ / "mem").at("warnings").dump(), HasSubstr("recording is paused"));
  EXPECT_EQ(tool(0, {"resume"}), program.name() + ": recording is now on\n");
  EXPECT_EQ(tool(0, {"resume"}), program.name() + ": recording was already on\n");
  program.step('c');
  program.quit();
  EXPECT_THAT(sizes(), ElementsAre(5003, 5011));
  EXPECT_EQ(report(scratch_ / "mem").at("not_recorded").at("pauses"), 1);
}

// The ledger would become standard output, and the answer would be written over it.
TEST_F(Control, HurtsNoLedgerWithoutStandardOutput) {
  write_file(scratch_ / "leakdir.conf", "recording = 1\n");
  Obedient program(scratch_, "pie", "");
  program.step('a');
  for (const std::string closed : {">&-", "2>&-", "<&- >&- 2>&-"}) {
    const std::string command = kTool + (" pause mem " + closed + "; " + kTool + " resume mem " + closed);
    run({{"sh", "-c", command}, scratch_.path(), {}, "", 60});
    EXPECT_EQ(report(scratch_ / "mem").at("state"), "running") << closed;
  }
  program.quit();
  EXPECT_THAT(sizes(), ElementsAre(5003));
}

TEST_P(ControlLinked, FlushMakesTheFilesBeUpToDate) {
  const auto& [kind, options] = GetParam();
  write_file(scratch_ / "leakdir.conf", "recording = 1\n");  // with a config file there is a helper in every mode
  Obedient program(scratch_, kind, options);
  program.step('a');
  program.step('b');
  if (options != "write=sync") {
    EXPECT_THAT(sizes(), ElementsAre());
  }
  EXPECT_EQ(tool(0, {"flush"}), program.name() + ": the record files are up to date\n");
  EXPECT_THAT(sizes(), ElementsAre(5003, 5009));
  program.quit();
}

INSTANTIATE_TEST_SUITE_P(Linked, ControlLinked,
                         testing::Values(std::make_tuple("static", "delay_ms=3600000"),
                                         std::make_tuple("pie", "delay_ms=3600000"),
                                         std::make_tuple("static", "write=exit"), std::make_tuple("pie", "write=sync")),
                         [](const testing::TestParamInfo<ControlLinked::ParamType>& info) {
                           return std::get<0>(info.param) + std::to_string(info.index);
                         });

// A program without special rights that writes at exit has no helper thread; after a request the next allocations start
// one.
TEST_F(Control, ReachesAProgramThatHasNoHelperYet) {
  Obedient program(scratch_, "static", "write=exit", true);
  program.step('a');
  EXPECT_THAT(tool(1, {"flush", "--timeout", "0.1"}),
              HasSubstr(program.name() + " has not answered in 0.1 s: leakdir's helper thread is not there: it comes "
                                         "when the program allocates again, if it may have a thread. The request "
                                         "stands\n"));
  EXPECT_THAT(sizes(), ElementsAre());
  program.step('m');
  tool(0, {"flush"});
  EXPECT_THAT(sizes(), ElementsAre(5003));
  tool(0, {"pause"});
  program.step('b');
  tool(0, {"resume"});
  program.step('c');
  program.quit();
  EXPECT_THAT(sizes(), ElementsAre(5003, 5011));
}

// All of its threads, when it returns.
void stop(const Process& process) {
  process.kill(SIGSTOP);
  waitpid(process.pid(), nullptr, WUNTRACED);
}

TEST_F(Control, ToldByAProgramThatIsStopped) {
  Obedient program(scratch_, "pie", "");
  program.step('a');
  stop(program.process());
  for (const char* command : {"pause", "flush"}) {
    EXPECT_EQ(tool(1, {command, "--timeout", "0.1"}),
              "leakdir: " + program.name() + " has not answered in 0.1 s: it is stopped. The request stands\n");
  }
  program.process().kill(SIGCONT);
  tool(0, {"resume"});
  program.quit();
  EXPECT_THAT(sizes(), ElementsAre(5003));
}

TEST_F(Control, ToldByAProgramThatHasEnded) {
  Obedient program(scratch_, "pie", "");
  program.quit();
  for (const char* command : {"pause", "resume", "flush"})
    EXPECT_EQ(tool(1, {command}), "leakdir: " + program.name() + " has exited, and its files are what it left\n");
}

TEST_F(Control, ToldByAProgramThatWasKilled) {
  Obedient program(scratch_, "static", "");
  program.process().kill(SIGKILL);
  program.process().wait();
  for (const char* command : {"pause", "resume", "flush"})
    EXPECT_EQ(tool(1, {command}),
              "leakdir: " + program.name() + " does not run any more; leakdir recover writes its files\n");
}

TEST_F(Control, ToldWhereThereIsNoProcess) {
  EXPECT_EQ(tool(1, {"pause"}), "leakdir: ./mem: no such directory\n");
  fs::create_directory(scratch_ / "mem");
  EXPECT_EQ(tool(1, {"flush"}), "leakdir: ./mem has no ledger: no process writes there\n");
  write_file(scratch_ / "mem/.ledger", "leakdir\n");
  EXPECT_EQ(tool(1, {"flush"}), "leakdir: ./mem/.ledger is cut short\n");
  fs::create_directory(scratch_ / "dir");
  fs::create_directory(scratch_ / "dir/.ledger");
  tool(1, {"flush", "dir"});
  write_file(scratch_ / "x.leaks", "leaksav\n");
  EXPECT_EQ(tool(1, {"resume", "x.leaks"}),
            "leakdir: x.leaks is not a directory: there is no process behind it to talk to\n");
  mkfifo((scratch_ / "dir/fifo").c_str(), 0600);
  fs::remove(scratch_ / "dir/.ledger");
  fs::rename(scratch_ / "dir/fifo", scratch_ / "dir/.ledger");
  EXPECT_EQ(tool(1, {"flush", "dir"}), "leakdir: dir/.ledger is not a regular file\n");
}

// A link could lead to anybody's file.
TEST_F(Control, LeavesLinksAlone) {
  Obedient program(scratch_, "static", "");
  program.step('a');
  const std::string before = read_file(scratch_ / "mem/.ledger").substr(152, 24);
  fs::create_directory(scratch_ / "soft");
  fs::create_symlink(scratch_ / "mem/.ledger", scratch_ / "soft/.ledger");
  EXPECT_EQ(tool(1, {"pause", "soft"}), "leakdir: soft/.ledger is a symbolic link, which no leakdir made\n");
  fs::create_directory(scratch_ / "hard");
  fs::create_hard_link(scratch_ / "mem/.ledger", scratch_ / "hard/.ledger");
  EXPECT_THAT(tool(1, {"pause", "hard"}), HasSubstr("has another name somewhere"));
  EXPECT_EQ(read_file(scratch_ / "mem/.ledger").substr(152, 24), before);
  fs::remove_all(scratch_ / "hard");
  tool(0, {"pause"});
  program.quit();
}

TEST_F(Control, LeavesProgramsOfOthersAlone) {
  if (geteuid() != 0) GTEST_SKIP() << "needs two users";
  Obedient program(scratch_, "static", "");
  copy_for_all_users(kTool, scratch_ / "tool");
  for (const std::string& path : {scratch_.path(), scratch_ / "mem", scratch_ / "mem/.ledger"})
    chmod(path.c_str(), 0777);
  const Outcome outcome = run(
      {{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", scratch_ / "tool", "pause", scratch_ / "mem"},
       "/",
       {},
       "",
       60});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_EQ(outcome.err, "leakdir: " + scratch_ / "mem/.ledger" + " belongs to another user\n");
  EXPECT_EQ(report(scratch_ / "mem").at("not_recorded").at("pauses"), 0);
  program.quit();
}

// The ledger may shrink under the tool: that is an error, not a crash.
TEST_F(Control, SurvivesALedgerThatShrinks) {
  Obedient program(scratch_, "static", "");
  stop(program.process());
  Process flush({{kTool, "flush", "--timeout", "30", scratch_ / "mem"}, "", {}, "", 60});
  const auto request = [&] { return read_file(scratch_ / "mem/.ledger").substr(160, 1); };
  for (int i = 0; i < 20000 && request() == std::string(1, '\0'); ++i) usleep(1000);
  fs::copy_file(scratch_ / "mem/.ledger", scratch_ / "copy");
  fs::resize_file(scratch_ / "mem/.ledger", 100);
  const Outcome outcome = flush.wait();
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_THAT(outcome.err, HasSubstr("is cut short\n"));
  program.process().kill(SIGKILL);
  program.process().wait();
}

}  // namespace
}  // namespace leakdir_test
