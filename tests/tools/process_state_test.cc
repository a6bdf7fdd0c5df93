// SPDX-License-Identifier: BSL-1.0
#include "load/process_state.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "reach/process_status.hh"
#include "scratch_directory.hh"

namespace leakdir::tool {
namespace {

using testing::HasSubstr;

using leakdir_test::Scratch;
using leakdir_test::write_file;

// A proc file system with one process, 4711, that has the ledger mapped.
class ProcessState : public testing::Test {
 protected:
  ProcessState() {
    header.state = static_cast<std::uint32_t>(ledger::ProcessState::kRunning);
    header.pid = 4711;
    header.start_time = 123456;
    for (unsigned i = 0; i < 16; ++i) header.boot_id[i] = static_cast<std::uint8_t>(i * 16 + i);
    write_file(proc / "sys/kernel/random/boot_id", "00112233-4455-6677-8899-aabbccddeeff\n");
    write_stat("app", "S", 123456);
    write_file(proc / "4711/maps",
               "00400000-00401000 r-xp 00000000 08:01 12 /home/you/app\n"
               "7f00-7f01 rw-s 00000000 08:01 13 /home/you/mem/.ledger\n");
  }

  void write_stat(const std::string& name, const std::string& state, unsigned start_time, unsigned threads = 1) {
    std::string text = "4711 (" + name + ") " + state;
    for (unsigned field = 4; field < 22; ++field) text += " " + std::to_string(field == 20 ? threads : field);
    write_file(proc / "4711/stat", text + " " + std::to_string(start_time) + " 999 888\n");
  }

  bool running() const { return is_running(header, "", proc.path()); }
  std::string other(const std::string& ledger = "") const { return went_on_as(header, ledger, proc.path()); }

  Scratch proc;
  ledger::Header header{};
};

TEST_F(ProcessState, AProcessWithItsPidStartTimeAndBootIsRunning) { EXPECT_TRUE(running()); }

TEST_F(ProcessState, AProcessThatSaidItExitedIsNot) {
  header.state = static_cast<std::uint32_t>(ledger::ProcessState::kExited);
  EXPECT_FALSE(running());
}

TEST_F(ProcessState, APidThatIsGoneIsNot) {
  header.pid = 4712;
  EXPECT_FALSE(running());
}

TEST_F(ProcessState, AnotherProcessWithTheSamePidIsNot) {
  header.start_time = 123457;
  EXPECT_FALSE(running());
}

// A forked child's ledger does not say when it began, but that it had by then.
TEST_F(ProcessState, AChildIsNoProcessOfItsPidThatBeganAfterItsLedger) {
  header.start_time = 0;
  for (const unsigned by : {123456u, 123457u}) {
    header.started_by = by;
    EXPECT_TRUE(running()) << by;
  }
  header.started_by = 123455;
  EXPECT_FALSE(running());
}

TEST_F(ProcessState, TheSamePidInAnotherBootIsNot) {
  header.boot_id[15] = 0;
  EXPECT_FALSE(running());
}

// Its first thread left by pthread_exit: it looks like a zombie and has no maps.
TEST_F(ProcessState, AProcessWhoseOtherThreadsGoOnIsRunning) {
  write_stat("app", "Z", 123456, 2);
  write_file(proc / "4711/maps", "");
  EXPECT_TRUE(running());
}

TEST_F(ProcessState, ADeadProcessThatWasNotWaitedForIsNot) {
  write_stat("app", "Z", 123456);
  EXPECT_FALSE(running());
}

TEST_F(ProcessState, AProcessThatWentOnToAnotherProgramIsNot) {
  EXPECT_EQ(other(), "");
  write_file(proc / "4711/maps", "00400000-00401000 r-xp 00000000 08:01 12 /bin/sleep\n");
  EXPECT_FALSE(running());
  EXPECT_EQ(other(), "another program");
  ASSERT_EQ(symlink("/bin/sleep", (proc / "4711/exe").c_str()), 0);
  EXPECT_EQ(other(), "/bin/sleep");
  write_stat("app", "Z", 123456);
  EXPECT_EQ(other(), "");
  header.pid = 4712;
  EXPECT_EQ(other(), "");
}

TEST_F(ProcessState, AProcessThatWentOnToAProgramWithALedgerOfItsOwnIsNot) {
  const std::string ours = proc / "ours/.ledger", other_one = proc / "other/.ledger";
  write_file(ours, "");
  write_file(other_one, "");
  const auto map = [&](const std::string& path) {
    write_file(proc / "4711/maps", "7f00-7f01 rw-s 00000000 08:01 13 " + path + "\n");
  };
  map(ours);
  EXPECT_TRUE(is_running(header, ours, proc.path()));
  EXPECT_EQ(other(ours), "");
  map(other_one);
  EXPECT_TRUE(is_running(header, ours, proc.path())) << "it may be the same file by another path";
  write_file(proc / "4711/root" + other_one, "");
  EXPECT_FALSE(is_running(header, ours, proc.path()));
  EXPECT_EQ(other(ours), "another program");
  map(other_one + " (deleted)");
  EXPECT_TRUE(is_running(header, ours, proc.path())) << "it may be ours";
}

TEST_F(ProcessState, AProcessThatWeMayNotLookIntoIsBelieved) {
  write_file(proc / "4711/maps", "");
  EXPECT_TRUE(running());
}

TEST_F(ProcessState, ANameWithSpacesAndParenthesesIsNoObstacle) {
  write_stat("a) Z 1 (b", "R", 123456);
  EXPECT_TRUE(running());
}

TEST_F(ProcessState, WhatTheLedgerDoesNotKnowIsNotCompared) {
  header.start_time = 0;
  for (auto& byte : header.boot_id) byte = 0;
  EXPECT_TRUE(running());
}

TEST_F(ProcessState, AFileThatIsNoStatIsNot) {
  for (const char* text :
       {"", "4711", "4711 (app", "4711 (app) S 1 2 3", "4711 (app) S x x x x x x x x x x x x x x x x x x x"}) {
    write_file(proc / "4711/stat", text);
    EXPECT_FALSE(running()) << text;
  }
}

TEST(Yama, RefusesAsItsScopeSays) {
  for (const char* scope : {"", "0"}) EXPECT_EQ(refusal_of_yama(scope, false), "") << scope;
  for (const char* scope : {"", "0", "1", "2"}) EXPECT_EQ(refusal_of_yama(scope, true), "") << scope;
  EXPECT_THAT(refusal_of_yama("1", false), HasSubstr("do it as root, or `sysctl kernel.yama.ptrace_scope=0`"));
  EXPECT_THAT(refusal_of_yama("2", false), HasSubstr("kernel.yama.ptrace_scope is 2): do it as root"));
  for (const bool is_root : {false, true})
    EXPECT_THAT(refusal_of_yama("3", is_root), HasSubstr("a core will do (--core)"));
}

}  // namespace
}  // namespace leakdir::tool
