// SPDX-License-Identifier: BSL-1.0
//
// What one user can do to the program of another by way of leakdir: nothing. Programs with more rights than their
// caller, directories and files that others have planted, and what the tool makes of them. Needs root, to be two users.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "paths.hh"
#include "report_json.hh"
#include "target.hh"

namespace leakdir_test {
namespace {

constexpr unsigned kAlice = 60001, kMallory = 60002;

unsigned owner_of(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) throw std::runtime_error(path + ": " + std::strerror(errno));
  return status.st_uid;
}

class OtherUsers : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to be two other users";
    if (run({{"true"}, "", {}, "", 60, kAlice}).exited_with(125)) GTEST_SKIP() << "may not become another user";
    chmod(scratch_.path().c_str(), 0755);
    make_dir("alice", kAlice, 0755);
    make_dir("mallory", kMallory, 0755);
    make_dir("shared", 0, 01777);
    make_dir("roots", 0, 0755);
    program_ = scratch_ / "program";
    copy_for_all_users(target("leaks", GetParam()), program_);
  }

  void make_dir(const std::string& name, unsigned owner, unsigned mode) const {
    std::filesystem::create_directory(scratch_ / name);
    give(name, owner);
    ASSERT_EQ(chmod((scratch_ / name).c_str(), mode), 0);
  }
  void give(const std::string& name, unsigned owner) const {
    ASSERT_EQ(lchown((scratch_ / name).c_str(), owner, owner), 0) << name;
  }
  void link(const std::string& to, const std::string& name, unsigned owner) const {
    std::filesystem::create_symlink(to, scratch_ / name);
    give(name, owner);
  }
  void plant(const std::string& name, const std::string& text, unsigned owner) const {
    write_file(scratch_ / name, text);
    give(name, owner);
  }

  Outcome run_as(unsigned user, const std::string& dir, const std::vector<std::string>& arguments = {"3"},
                 const std::map<std::string, std::string>& env = {}) const {
    return run(command_as(user, dir, arguments, env));
  }
  Command command_as(unsigned user, const std::string& dir, const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& env) const {
    std::vector<std::string> argv = {program_};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return {argv, scratch_ / dir, env, "", 60, user};
  }
  // Everything by which a caller could speak to a program.
  std::map<std::string, std::string> lies() const {
    write_file(scratch_ / "lies.conf", "dir = " + scratch_ / "alice/by-config\n" + "exitcode = 9\n");
    return {{"LEAKDIR_OPTIONS", "exitcode=8:dir=" + scratch_ / "alice/by-env"},
            {"LEAKDIR_CONFIG", scratch_ / "lies.conf"}};
  }
  void expect_no_lie_was_heard(const Outcome& outcome) const {
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_FALSE(exists(scratch_ / "alice/by-env"));
    EXPECT_FALSE(exists(scratch_ / "alice/by-config"));
  }
  void expect_private(const std::string& dir, unsigned owner) const {
    EXPECT_EQ(mode_of(scratch_ / dir), 0700u) << dir;
    EXPECT_EQ(owner_of(scratch_ / dir), owner) << dir;
    for (const std::string& name : names_in(scratch_ / dir)) {
      EXPECT_EQ(mode_of(scratch_ / dir + "/" + name), name == "lost" ? 0700u : 0600u) << name;
      EXPECT_EQ(owner_of(scratch_ / dir + "/" + name), owner) << name;
    }
  }

  Scratch scratch_{where_set_uid_counts()};
  std::string program_;
};

// ---- Programs with more rights than their caller --------------------------------------------------------------------

TEST_P(OtherUsers, CannotSpeakToASetUidProgram) {
  if (!set_uid_counts(scratch_.path())) GTEST_SKIP() << "everything is mounted nosuid";
  ASSERT_EQ(chmod(program_.c_str(), 04755), 0);
  plant("alice/leakdir.conf", "dir = ./by-config\n", kAlice);
  expect_no_lie_was_heard(run_as(kAlice, "alice", {"3"}, lies()));
  EXPECT_EQ(records_in(scratch_ / "alice/mem").size(), 3u);
  expect_private("alice/mem", 0);
}

TEST_P(OtherUsers, CannotHaveASetUidProgramWriteWhereTheyMayNot) {
  if (!set_uid_counts(scratch_.path())) GTEST_SKIP() << "everything is mounted nosuid";
  ASSERT_EQ(chmod(program_.c_str(), 04755), 0);
  const Outcome outcome = run_as(kAlice, "roots");
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_NE(outcome.err.find("leakdir: cannot use the directory " + scratch_ / "roots/mem"), std::string::npos)
      << outcome.err;
  EXPECT_TRUE(names_in(scratch_ / "roots").empty());
  // Nor by a link in a directory of theirs.
  make_dir("roots/mem", 0, 0755);
  link("../roots/mem", "alice/mem", kAlice);
  EXPECT_TRUE(run_as(kAlice, "alice").exited_with(0));
  EXPECT_TRUE(names_in(scratch_ / "roots/mem").empty());
}

// Its ledger would be the caller's own file: he could change it, and the program reads it.
TEST_P(OtherUsers, CannotChangeTheLedgerOfAProgramWithMoreRights) {
  if (!set_uid_counts(scratch_.path())) GTEST_SKIP() << "everything is mounted nosuid";
  // Version 2, effective: CAP_NET_RAW.
  const unsigned char kNetRaw[20] = {1, 0, 0, 2, 0, 0x20};
  for (const std::string how : {"file capability", "set-gid"}) {
    SCOPED_TRACE(how);
    std::filesystem::remove_all(scratch_ / "alice/mem");
    if (how == "set-gid") {
      ASSERT_EQ(removexattr(program_.c_str(), "security.capability"), 0);
      ASSERT_EQ(chown(program_.c_str(), 0, kMallory), 0);
      ASSERT_EQ(chmod(program_.c_str(), 02755), 0);
    } else if (setxattr(program_.c_str(), "security.capability", kNetRaw, sizeof kNetRaw, 0) != 0) {
      GTEST_SKIP() << "no file capabilities here: " << std::strerror(errno);
    }
    Process process(command_as(kAlice, "alice", {"3", "end"}, lies()));
    process.says("leaked");
    EXPECT_TRUE(names_in(scratch_ / "alice/mem").empty()) << testing::PrintToString(names_in(scratch_ / "alice/mem"));
    write_file(scratch_ / "alice/end", "");
    const Outcome outcome = process.wait();
    expect_no_lie_was_heard(outcome);
    EXPECT_NE(outcome.err.find("leakdir: the caller has fewer rights than this program"), std::string::npos)
        << outcome.err;
    EXPECT_EQ(records_in(scratch_ / "alice/mem").size(), 3u);
    expect_private("alice/mem", kAlice);
    EXPECT_FALSE(exists(scratch_ / "alice/mem/.ledger"));
    EXPECT_EQ(totals_of(report(scratch_ / "alice/mem")).blocks, 3u);
    std::filesystem::remove(scratch_ / "alice/end");
    // Root has no fewer rights, so there is nothing to keep from him.
    EXPECT_TRUE(run_as(0, "roots").exited_with(0));
    EXPECT_TRUE(exists(scratch_ / "roots/mem/.ledger"));
  }
}

TEST_P(OtherUsers, FindNoThreadWithRightsThatTheProgramGaveUp) {
  for (const std::string what : {"groups", "capabilities", "privileges", "calls", "steps"}) {
    SCOPED_TRACE(what);
    const Outcome outcome = run_in(scratch_, target("gives_up", GetParam()), {"", {what}, {}, 60});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_EQ(totals_of(report(scratch_ / "mem")).blocks, what == "steps" ? 4u : 3u);
  }
}

// ---- What others have planted ---------------------------------------------------------------------------------------

TEST_P(OtherUsers, CannotPlantAConfigFile) {
  plant("shared/leakdir.conf", "dir = ./planted\nexitcode = 9\n", kMallory);
  for (const unsigned user : {0u, kAlice}) {
    SCOPED_TRACE(user);
    const Outcome outcome = run_as(user, "shared");
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    EXPECT_NE(outcome.err.find("leakdir: ./leakdir.conf is another user's, or no file: it is ignored"),
              std::string::npos)
        << outcome.err;
    EXPECT_FALSE(exists(scratch_ / "shared/planted"));
    EXPECT_EQ(records_in(scratch_ / "shared/mem").size(), 3u);
    expect_private("shared/mem", user);
    std::filesystem::remove_all(scratch_ / "shared/mem");
  }
  // Whoever names it means it.
  EXPECT_TRUE(run_as(kAlice, "shared", {"3"}, {{"LEAKDIR_CONFIG", "./leakdir.conf"}}).exited_with(9));
  // A link of theirs to a file of root's; a pipe, which nobody waits for.
  std::filesystem::remove(scratch_ / "shared/leakdir.conf");
  plant("roots/leakdir.conf", "exitcode = 10\ndir = " + scratch_ / "alice/mem" + "\n", 0);
  link("../roots/leakdir.conf", "shared/leakdir.conf", kMallory);
  EXPECT_TRUE(run_as(kAlice, "shared").exited_with(0));
  std::filesystem::remove(scratch_ / "shared/leakdir.conf");
  ASSERT_EQ(mkfifo((scratch_ / "shared/leakdir.conf").c_str(), 0666), 0);
  EXPECT_TRUE(run_as(0, "shared").exited_with(0));
  // Root's, and the user's own.
  EXPECT_TRUE(run_as(kAlice, "roots").exited_with(10));
  plant("alice/leakdir.conf", "exitcode = 11\n", kAlice);
  EXPECT_TRUE(run_as(kAlice, "alice").exited_with(11));
}

TEST_P(OtherUsers, CannotPlantALedgerInADirectoryOfTheirs) {
  plant("alice/victim", "untouched", kAlice);
  const std::string dir = "mallory/mem";
  for (const std::string what : {"symbolic link", "pipe", "second name", "ledger", "directory", "previous"}) {
    for (const char* write : {"behind", "sync", "exit"}) {
      SCOPED_TRACE(what + " " + write);
      std::filesystem::remove_all(scratch_ / dir);
      make_dir(dir, kMallory, 0777);
      const std::string ledger = dir + "/.ledger";
      if (what == "symbolic link") link("../../alice/victim", ledger, kMallory);
      if (what == "pipe") mkfifo((scratch_ / ledger).c_str(), 0666);
      if (what == "second name") std::filesystem::create_hard_link(scratch_ / "alice/victim", scratch_ / ledger);
      if (what == "ledger") plant(ledger, std::string("leakdir\n", 8) + std::string(70000, '\xff'), kMallory);
      if (what == "directory") make_dir(ledger, kMallory, 0777);
      if (what == "previous") link("../../alice", dir + "/previous", kMallory);
      const Outcome outcome = run_as(kAlice, "alice", {"3", "150"},
                                     {{"LEAKDIR_OPTIONS", std::string("write=") + write + ":dir=" + scratch_ / dir}});
      EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
      EXPECT_EQ(read_file(scratch_ / "alice/victim"), "untouched");
      EXPECT_EQ(names_in(scratch_ / "alice"), std::vector<std::string>{"victim"});
      EXPECT_EQ(totals_of(report(scratch_ / dir)).blocks, 3u);
      for (const std::string& name : names_in(scratch_ / dir, ".mem")) {
        EXPECT_EQ(mode_of(scratch_ / dir + "/" + name), 0600u);
        EXPECT_EQ(owner_of(scratch_ / dir + "/" + name), kAlice);
      }
      EXPECT_EQ(owner_of(scratch_ / ledger), kAlice);
    }
  }
}

TEST_P(OtherUsers, CannotForeseeANameInASharedDirectory) {
  // DIR itself, and DIR/<pid>/ of every process to come for a while.
  link("../alice", "shared/mem", kMallory);
  EXPECT_TRUE(run_as(kAlice, "shared").exited_with(0));
  EXPECT_TRUE(run_as(0, "shared").exited_with(0));
  EXPECT_TRUE(names_in(scratch_ / "alice").empty());
}

// Where others may put another directory where DIR was, a record is removed from the directory that was claimed, or
// from none.
TEST_P(OtherUsers, CannotLeadARemovalElsewhere) {
  for (const char* write : {"sync", "behind", "exit"}) {
    SCOPED_TRACE(write);
    for (const char* name : {"mallory/work", "alice/mem"}) std::filesystem::remove_all(scratch_ / name);
    make_dir("mallory/work", kMallory, 0777);
    make_dir("alice/mem", kAlice, 0700);
    program_ = scratch_ / "mover";
    copy_for_all_users(target("swapped", GetParam()), program_);
    const Outcome outcome = run_as(
        kAlice, "mallory/work", {scratch_ / "alice/mem"},
        {{"LEAKDIR_OPTIONS", std::string("delay_ms=1:write=") + write + ":dir=" + scratch_ / "mallory/work/mem"}});
    EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
    const std::string kept = said(outcome.out, "planted", "name");
    EXPECT_EQ(names_in(scratch_ / "alice/mem"), std::vector<std::string>{kept}) << outcome.describe();
    EXPECT_EQ(read_file(scratch_ / "alice/mem/" + kept), "untouched");
  }
}

// ---- The tool -------------------------------------------------------------------------------------------------------

TEST_P(OtherUsers, CannotLeadTheToolThroughALink) {
  EXPECT_TRUE(run_as(kAlice, "alice").exited_with(0));
  // Root looks at a directory of Mallory's: what lies there is read only if it is there.
  make_dir("mallory/mem", kMallory, 0755);
  link("../../alice/mem/.ledger", "mallory/mem/.ledger", kMallory);
  const Outcome outcome = run_tool({"report", scratch_ / "mallory/mem"});
  EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
  EXPECT_EQ(outcome.err,
            "leakdir: " + scratch_ / "mallory/mem/.ledger" + " is a symbolic link, which no leakdir made\n");
  // What it writes goes through no link of theirs, nor into a file of theirs.
  plant("alice/victim", "untouched", kAlice);
  link("../alice/victim", "mallory/out", kMallory);
  link("/dev/null", "mallory/null", kMallory);
  plant("shared/out", "theirs", kMallory);
  std::filesystem::create_hard_link(scratch_ / "alice/victim", scratch_ / "shared/second");
  const std::string dir = scratch_ / "alice/mem";
  for (const std::string name : {"mallory/out", "mallory/null", "shared/out", "shared/second"}) {
    SCOPED_TRACE(name);
    const Outcome outcome = run_tool({"report", "-o", scratch_ / name, dir});
    EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
    EXPECT_NE(outcome.err.find("another user's"), std::string::npos) << outcome.err;
  }
  EXPECT_TRUE(run_tool({"save", scratch_ / "mallory/null", dir}).exited_with(1));
  EXPECT_TRUE(run_tool({"save", scratch_ / "mallory/out", dir}).exited_with(0));  // takes the link's place
  EXPECT_EQ(read_file(scratch_ / "alice/victim"), "untouched");
  EXPECT_EQ(read_file(scratch_ / "shared/out"), "theirs");
  // One's own link, and root's, are followed.
  write_file(scratch_ / "roots/out", "");
  link("out", "roots/link", 0);
  EXPECT_TRUE(run_tool({"report", "-o", scratch_ / "roots/link", dir}).exited_with(0));
  EXPECT_NE(read_file(scratch_ / "roots/out"), "");
}

TEST_P(OtherUsers, CannotSwitchRecordingOrReadTheRecords) {
  copy_for_all_users(kTool, scratch_ / "leakdir");
  Process process(command_as(kAlice, "alice", {"3", "1500"}, {}));
  process.says("leaked");
  chmod((scratch_ / "alice/mem").c_str(), 0755);  // even if she opens her directory
  for (const char* command : {"pause", "flush", "report", "recover"}) {
    SCOPED_TRACE(command);
    const Outcome outcome = run({{scratch_ / "leakdir", command, scratch_ / "alice/mem"}, "", {}, "", 60, kMallory});
    EXPECT_TRUE(outcome.exited_with(1)) << outcome.describe();
    EXPECT_NE(outcome.err.find("Permission denied"), std::string::npos) << outcome.err;
  }
  const nlohmann::json now = report(scratch_ / "alice/mem");
  EXPECT_EQ(totals_of(now).blocks, 3u);
  const Outcome outcome = process.wait();
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(records_in(scratch_ / "alice/mem").size(), 3u);
}

TEST_P(OtherUsers, CannotHaveRootRecoverIntoAFileOfAnother) {
  const std::map<std::string, std::string> no_files = {{"LEAKDIR_OPTIONS", "write=exit"}};
  EXPECT_TRUE(run_as(kMallory, "mallory", {"3", "0", "_exit"}, no_files).exited_with(0));
  const nlohmann::json live = report(scratch_ / "mallory/mem");
  const std::string address = live["stacks"][0]["addresses"][0];
  plant("alice/victim", "untouched", kAlice);
  link("../../alice/victim", "mallory/mem/" + address + ".mem", kMallory);
  const Outcome outcome = run_tool({"recover", scratch_ / "mallory/mem"});
  EXPECT_TRUE(outcome.exited_with(0)) << outcome.describe();
  EXPECT_EQ(read_file(scratch_ / "alice/victim"), "untouched");
  EXPECT_EQ(owner_of(scratch_ / "alice/victim"), kAlice);
  for (const std::string& name : names_in(scratch_ / "mallory/mem"))
    EXPECT_EQ(owner_of(scratch_ / "mallory/mem/" + name), kMallory) << name;
}

INSTANTIATE_TEST_SUITE_P(Linked, OtherUsers, testing::Values("static", "pie"));

}  // namespace
}  // namespace leakdir_test
