// SPDX-License-Identifier: BSL-1.0
#include "load/recover.hh"

#include <gmock/gmock-matchers.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hh"
#include "load_from_memory.hh"
#include "scratch_directory.hh"

namespace leakdir::tool {
namespace {

using leakdir_test::exists;
using leakdir_test::read_file;
using leakdir_test::Scratch;
using leakdir_test::write_file;
using testing::HasSubstr;
using testing::SizeIs;

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

class Recover : public testing::Test {
 protected:
  Recover() {
    ledger.program("/home/you/app", 0, "\x3f\x01");
    ledger.thread(4711, "app", 17, 14);
    ledger.block({0x733270, 20, ledger.stack({0x4009f7, 0x401b2a}), ledger::Call::kMalloc, 0, 123'456'000, 17});
  }

  Recovered recover(std::uint64_t max_files = kNoLimit) {
    return recover_records(load_built(ledger), directory.path(), max_files);
  }

  // As into a directory of its own.
  Recovered recover_beside() {
    return recover_records(load_built(ledger), directory.path(), kNoLimit, OtherRecords::kRefused);
  }

  LedgerBuilder ledger;
  Scratch directory;
};

constexpr char kText[] =
    "[+0x4009f7] --> addr:0x733270, size:20\n"
    "call: malloc\n"
    "thread: 4711 app\n"
    "time: 2026-11-23T09:14:26.123456Z\n"
    "sequence: 17\n"
    "program: /home/you/app\n"
    "build-id: 3f01\n"
    "frames: 2\n"
    "#0 0x4009f7 /home/you/app+0x4009f7\n"
    "#1 0x401b2a /home/you/app+0x401b2a\n"
    "addr2line: addr2line -Cfipe /home/you/app 0x4009f6 0x401b29\n";

TEST_F(Recover, WritesTheRecordOfALiveBlock) {
  Recovered done = recover();
  EXPECT_EQ(done.written, 1u);
  EXPECT_EQ(read_file(directory / "0x733270.mem"), kText);
  struct stat status;
  ASSERT_EQ(stat((directory / "0x733270.mem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(Recover, WritesPlaceAndFlags) {
  auto place = ledger.node(ledger.text("dir/app.c"), ledger::kPlaceModule, ledger.stack({0x401000}), 69);
  ledger.block(
      {0x800000, 1, place, ledger::Call::kCalloc, ledger::kFlagPlace | ledger::kFlagEarly | ledger::kFlagTruncated});
  ledger.block({0x900000, 1, place, ledger::Call::kCalloc, ledger::kFlagInherited});  // its parent has its file
  recover();
  EXPECT_FALSE(exists(directory / "0x900000.mem"));
  EXPECT_THAT(read_file(directory / "0x800000.mem"),
              HasSubstr("build-id: 3f01\nlocation: dir/app.c:69\nearly: yes\ntruncated: yes\nframes: 1\n"
                        "#0 0x401000 /home/you/app+0x401000\n"));
}

TEST_F(Recover, SaysOfWhatSampleItIs) {
  ledger.header.sample_bytes = 4096;
  recover();
  EXPECT_THAT(read_file(directory / "0x733270.mem"), HasSubstr("build-id: 3f01\nsample: 4096\nframes: 2\n"));
}

TEST_F(Recover, DoneTwiceItChangesNothing) {
  recover();
  Recovered again = recover();
  EXPECT_EQ(again.written, 0u);
  EXPECT_EQ(again.kept, 1u);
  EXPECT_EQ(again.removed, 0u);
}

TEST_F(Recover, ARecordThatTheProcessWroteItselfIsKept) {
  std::string text = kText;
  text.replace(text.find("4711 app"), 8, "4711 old-name");
  write_file(directory / "0x733270.mem", text);
  EXPECT_EQ(recover().kept, 1u);
  EXPECT_EQ(read_file(directory / "0x733270.mem"), text);
}

TEST_F(Recover, ARecordThatDoesNotSayTheKindOfItsBlockIsReplaced) {
  write_file(directory / "0x733270.mem", kText);
  ledger.header.reach_look = static_cast<std::uint32_t>(ledger::ReachLook::kDone);
  ledger.blocks[1].word[0] |= ledger::flag_bits(2u << ledger::kReachShift);
  EXPECT_EQ(recover().written, 1u);
  std::string text = kText;
  text.insert(text.find("frames:"), "reach: indirectly lost\n");
  EXPECT_EQ(read_file(directory / "0x733270.mem"), text);
  EXPECT_EQ(recover().kept, 1u);
  ledger.header.reach_look = 0;  // who did not look does not know better
  EXPECT_EQ(recover().kept, 1u);
  EXPECT_EQ(read_file(directory / "0x733270.mem"), text);
}

// What it does not have it may have lost.
TEST_F(Recover, ByADamagedLedgerNothingIsRemovedOrReplaced) {
  ASSERT_EQ(recover().written, 1u);
  const std::string other = "[+0x1] --> addr:0x999990, size:20\nreach: definitely lost\n";
  std::string of_another_time = kText;
  of_another_time.replace(of_another_time.find("sequence: 17"), 12, "sequence: 18");
  write_file(directory / "0x733270.mem", of_another_time);
  for (const char* name : {"0x999990.mem", "lost/0x999990.mem"}) write_file(directory / name, other);
  write_file(directory / "0x999980.badfree", "[+0x1] --> bad free:0x999980, double free\n");
  write_file(directory / "0x999970.mem", "[+0x1] --> ad");  // the disk was full
  ledger.block({0x800000, 1, ledger.stack({0x401000})});
  Snapshot snapshot = load_built(ledger);
  snapshot.damage = {"the ledger is damaged"};
  const Recovered done = recover_records(snapshot, directory.path(), kNoLimit);
  EXPECT_EQ(done.removed, 0u);
  EXPECT_EQ(done.written, 1u) << "what is whole in it";
  EXPECT_EQ(read_file(directory / "0x733270.mem"), of_another_time);
  for (const char* name : {"0x999990.mem", "lost/0x999990.mem"}) EXPECT_EQ(read_file(directory / name), other);
  for (const char* name : {"0x999980.badfree", "0x999970.mem"}) EXPECT_TRUE(exists(directory / name)) << name;
  EXPECT_EQ(recover().removed, 3u) << "a whole ledger knows better";
}

// ---- lost/

using Names = std::vector<std::string>;

class RecoverLost : public Recover {
 protected:
  RecoverLost() {
    ledger.header.reach_look = static_cast<std::uint32_t>(ledger::ReachLook::kDone);
    ledger.block({0x800000, 1, ledger.stack({0x401000}), ledger::Call::kMalloc, 0, 0, 20});
    ledger.block({0x800010, 1, ledger.stack({0x401000}), ledger::Call::kMalloc, 0, 0, 21});
    ledger.block({0x800020, 1, ledger.stack({0x401000}), ledger::Call::kMalloc, 0, 0, 22});
    set_kind(1, ledger::Reach::kReachable);
    set_kind(2, ledger::Reach::kDefinite);
    set_kind(3, ledger::Reach::kIndirect);
    set_kind(4, ledger::Reach::kPossible);
  }

  void set_kind(std::size_t row, ledger::Reach reach) {
    std::uint64_t& word = ledger.blocks[row].word[0];
    word &= ~ledger::flag_bits(ledger::kReachMask);
    word |= ledger::flag_bits(static_cast<unsigned>(reach) << ledger::kReachShift);
  }

  Names lost() const {
    Names names;
    if (!exists(directory / "lost")) return {"(not there)"};
    for (const auto& entry : std::filesystem::directory_iterator(directory / "lost"))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  const Names all_lost = {"0x800000.mem", "0x800010.mem", "0x800020.mem"};
};

TEST_F(RecoverLost, ItHasTheRecordsOfWhatIsLostAndNothingElse) {
  Recovered done = recover();
  EXPECT_EQ(done.written, 4u);
  EXPECT_EQ(done.lost, 3u);
  EXPECT_EQ(lost(), all_lost);
  for (const auto& name : all_lost) {
    EXPECT_TRUE(std::filesystem::equivalent(directory / name, directory / ("lost/" + name))) << name;
    EXPECT_THAT(read_file(directory / ("lost/" + name)), HasSubstr(" lost\n")) << name;
  }
  struct stat status;
  ASSERT_EQ(stat((directory / "lost").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  done = recover();  // once more
  EXPECT_EQ(done.written + done.removed, 0u);
  EXPECT_EQ(lost(), all_lost);
}

TEST_F(RecoverLost, WhatIsNotLostAnyMoreIsTakenOut) {
  recover();
  set_kind(2, ledger::Reach::kReachable);
  ledger.blocks[3].word[0] = 0;  // freed
  recover();
  EXPECT_EQ(lost(), Names{"0x800020.mem"});
  EXPECT_TRUE(exists(directory / "0x800000.mem"));
  set_kind(4, ledger::Reach::kReachable);
  recover();
  EXPECT_EQ(lost(), Names{"(not there)"});
}

// The process may have been killed between the two.
TEST_F(RecoverLost, ARecordThatIsNotWhatDirHasIsReplaced) {
  recover();
  std::filesystem::remove(directory / "lost/0x800000.mem");
  write_file(directory / "lost/0x800000.mem", "[+0x401000] --> addr:0x800000, size:1\n");
  write_file(directory / "lost/0x999990.mem", "[+0x401000] --> addr:0x999990, size:1\n");
  EXPECT_EQ(recover().removed, 2u);
  EXPECT_EQ(lost(), all_lost);
  EXPECT_EQ(read_file(directory / "lost/0x800000.mem"), read_file(directory / "0x800000.mem"));
}

TEST_F(RecoverLost, WhereNobodyLookedThereIsNone) {
  ledger.header.reach_look = 0;
  EXPECT_EQ(recover().lost, 0u);
  EXPECT_EQ(lost(), Names{"(not there)"});
}

// They were made with a core, say, by which the kinds were known.
TEST_F(RecoverLost, RecordsThatSayMoreThanTheLedgerStay) {
  recover();
  ledger.header.reach_look = 0;
  Recovered done = recover();
  EXPECT_EQ(done.kept, 4u);
  EXPECT_EQ(done.lost, 3u);
  EXPECT_EQ(lost(), all_lost);
}

TEST_F(RecoverLost, WithALimitWhatIsLostHasFiles) {
  set_kind(2, ledger::Reach::kReachable);
  Recovered done = recover(2);
  EXPECT_EQ(done.over_limit, 2u);
  EXPECT_EQ(lost(), (Names{"0x800010.mem", "0x800020.mem"}));
  EXPECT_FALSE(exists(directory / "0x733270.mem"));
}

TEST_F(RecoverLost, WhatIsNotLeakdirsStays) {
  write_file(directory / "lost", "my own notes\n");
  Recovered done = recover();
  EXPECT_EQ(done.written, 4u);
  EXPECT_EQ(done.lost, 0u);
  EXPECT_THAT(done.warnings, SizeIs(1));
  EXPECT_EQ(read_file(directory / "lost"), "my own notes\n");

  std::filesystem::remove(directory / "lost");
  Scratch elsewhere;
  std::filesystem::create_symlink(elsewhere.path(), directory / "lost");
  EXPECT_THAT(recover().warnings, SizeIs(1));
  EXPECT_TRUE(std::filesystem::is_empty(elsewhere.path()));

  std::filesystem::remove(directory / "lost");
  std::filesystem::create_directory(directory / "lost");
  write_file(directory / "lost/letters", "x");
  write_file(directory / "lost/0x999990.mem", "[+0x401000] --> addr:0x999990, size:1\n");
  EXPECT_THAT(recover().warnings, SizeIs(1));
  EXPECT_EQ(lost(), (Names{"0x999990.mem", "letters"}));
}

TEST_F(RecoverLost, OtherRecordsInItStayWhereTheyAreRefused) {
  recover_beside();
  EXPECT_EQ(lost(), all_lost);
  EXPECT_EQ(recover_beside().kept, 4u);
  const std::string other = "[+0x1] --> addr:0x999990, size:20\n";
  write_file(directory / "lost/0x999990.mem", other);
  EXPECT_THROW(recover_beside(), Error);
  EXPECT_EQ(read_file(directory / "lost/0x999990.mem"), other);
}

// ---- Records that are there already

TEST_F(Recover, TheRecordOfAnEarlierBlockAtTheAddressIsReplaced) {
  std::string text = kText;
  text.replace(text.find("sequence: 17"), 12, "sequence: 16");
  write_file(directory / "0x733270.mem", text);
  Recovered done = recover();
  EXPECT_EQ(done.written, 1u);
  EXPECT_EQ(read_file(directory / "0x733270.mem"), kText);
}

TEST_F(Recover, ARecordThatWasCutShortIsMadeWhole) {
  for (std::size_t length : {0u, 3u, 10u, 60u, 200u}) {
    write_file(directory / "0x733270.mem", std::string(kText).substr(0, length));
    EXPECT_EQ(recover().written, 1u) << length;
    EXPECT_EQ(read_file(directory / "0x733270.mem"), kText) << length;
  }
}

TEST_F(Recover, RecordsOfBlocksThatAreNotLiveAreRemoved) {
  write_file(directory / "0x733300.mem", "[+0x4009f7] --> addr:0x733300, size:20\ncall: malloc\n");
  write_file(directory / "0x733310.mem", "");
  Recovered done = recover();
  EXPECT_EQ(done.removed, 2u);
  EXPECT_FALSE(exists(directory / "0x733300.mem"));
  EXPECT_FALSE(exists(directory / "0x733310.mem"));
}

TEST_F(Recover, FilesThatAreNotLeakdirsStay) {
  write_file(directory / "0x733300.mem", "my own notes\n");
  write_file(directory / "0x733310.mem", "[+0x4009f7] --> addr:0x999, size:20\n");  // of another address
  write_file(directory / "precious.mem", "[+0x4009f7] --> addr:0x1, size:20\n");
  write_file(directory / "target", "[+0x4009f7] --> addr:0x733320, size:20\n");
  std::filesystem::create_symlink("target", directory / "0x733320.mem");
  std::filesystem::create_directory(directory / "0x733330.mem");
  ASSERT_EQ(mkfifo((directory / "0x733340.mem").c_str(), 0600), 0);
  Recovered done = recover();
  EXPECT_EQ(done.removed, 0u);
  EXPECT_THAT(done.warnings, SizeIs(5));
  for (const char* name :
       {"0x733300.mem", "0x733310.mem", "precious.mem", "target", "0x733320.mem", "0x733330.mem", "0x733340.mem"})
    EXPECT_TRUE(exists(directory / name)) << name;
}

TEST_F(Recover, NothingIsWrittenThroughALink) {
  write_file(directory / "victim", "untouched");
  std::filesystem::create_symlink("victim", directory / "0x733270.mem");
  Recovered done = recover();
  EXPECT_EQ(done.written, 0u);
  EXPECT_THAT(done.warnings, SizeIs(1));
  EXPECT_EQ(read_file(directory / "victim"), "untouched");
}

TEST_F(Recover, LibcsOwnAndIgnoredBlocksHaveNoFiles) {
  ledger.block({0x800000, 1, 0, ledger::Call::kMalloc, ledger::kFlagLibc});
  ledger.block({0x800010, 1, 0, ledger::Call::kMalloc, ledger::kFlagIgnored});
  EXPECT_EQ(recover().written, 1u);
  ledger.header.option_libc = 1;
  EXPECT_EQ(recover().written, 1u);
  EXPECT_TRUE(exists(directory / "0x800000.mem"));
  EXPECT_FALSE(exists(directory / "0x800010.mem"));
}

TEST_F(Recover, WithALimitTheOldestBlocksHaveFiles) {
  ledger.block({0x800000, 1, 0, ledger::Call::kMalloc, 0, 0, 5});
  ledger.block({0x800010, 1, 0, ledger::Call::kMalloc, 0, 0, 50});
  Recovered done = recover(2);
  EXPECT_EQ(done.written, 2u);
  EXPECT_EQ(done.over_limit, 1u);
  EXPECT_TRUE(exists(directory / "0x800000.mem"));
  EXPECT_TRUE(exists(directory / "0x733270.mem"));
  EXPECT_FALSE(exists(directory / "0x800010.mem"));
}

TEST_F(Recover, BadFreesHaveTheirFilesToo) {
  ledger.double_free(0x733300, ledger.stack({0x401000}));
  EXPECT_EQ(recover().written, 2u);
  EXPECT_THAT(read_file(directory / "0x733300.badfree"), HasSubstr("[+0x401000] --> bad free:0x733300, double free\n"));
  EXPECT_EQ(recover().kept, 2u);
}

TEST_F(Recover, ADirectoryThatIsNotThereIsAnError) {
  EXPECT_THROW(recover_records(load_built(ledger), directory / "none", kNoLimit), Error);
}

TEST_F(Recover, OtherRecordsStayWhereTheyAreRefused) {
  EXPECT_EQ(recover_beside().written, 1u);
  EXPECT_EQ(recover_beside().kept, 1u);
  const std::string other = "[+0x1] --> addr:0x999990, size:20\n";
  write_file(directory / "0x999990.mem", other);
  EXPECT_THROW(recover_beside(), Error);
  EXPECT_EQ(read_file(directory / "0x999990.mem"), other);
  EXPECT_EQ(recover().removed, 1u);
  std::string of_another_time = kText;
  of_another_time.replace(of_another_time.find("sequence: 17"), 12, "sequence: 18");
  write_file(directory / "0x733270.mem", of_another_time);
  EXPECT_THROW(recover_beside(), Error);
  EXPECT_EQ(read_file(directory / "0x733270.mem"), of_another_time);
}

// A static program run twice has the same addresses and numbers.
TEST_F(Recover, RecordsOfTheNextRunAreOtherRecords) {
  ledger.double_free(0x733300, ledger.stack({0x401000}));
  EXPECT_EQ(recover_beside().written, 2u);
  EXPECT_EQ(recover_beside().kept, 2u);
  for (const std::string name : {"0x733270.mem", "0x733300.badfree"}) {
    SCOPED_TRACE(name);
    const std::string text = read_file(directory / name);
    std::string of_next_run = text;
    of_next_run.replace(of_next_run.find("thread: 4711"), 12, "thread: 4712");
    write_file(directory / name, of_next_run);
    EXPECT_THROW(recover_beside(), Error);
    EXPECT_EQ(read_file(directory / name), of_next_run);
    write_file(directory / name, text);
  }
  EXPECT_EQ(recover_beside().kept, 2u);
}

TEST_F(Recover, AFullDiskIsAnErrorAndLeavesNoHalfRecord) {
  // RLIMIT_FSIZE stands for the full disk.
  for (int i = 0; i < 3; ++i) ledger.block({0x800000u + 16 * static_cast<unsigned>(i), 1, ledger.stack({0x401000})});
  EXPECT_EXIT(
      {
        rlimit limit;
        limit.rlim_cur = limit.rlim_max = 100;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        try {
          recover();
        } catch (const Error& error) {
          const bool is_clean = !exists(directory / "0x733270.mem");
          _exit(is_clean && std::string(error.what()).find("cannot write") != std::string::npos ? 42 : 43);
        }
        _exit(44);
      },
      testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace leakdir::tool
